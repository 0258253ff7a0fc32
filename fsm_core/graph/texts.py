"""Long labels cut into short lines."""

from __future__ import annotations

import textwrap


def lines_of(text: str, width: int, most: int) -> list[str]:
    """At most so many lines of so many characters; what does not fit ends in an ellipsis (whoever draws shows the whole as a tooltip)."""
    lines = textwrap.wrap(text, width, break_long_words=True, break_on_hyphens=False)
    if len(lines) <= most:
        return lines
    return [*lines[:most - 1], lines[most - 1][:width - 1].rstrip() + "…"]
