"""Texts as drawings show them: long ones cut into short lines, markup and control characters as text."""

from __future__ import annotations

import textwrap
from html import escape


def lines_of(text: str, width: int, most: int) -> list[str]:
    """At most so many lines of so many characters; what does not fit ends in an ellipsis (whoever draws shows the whole as a tooltip)."""
    lines = textwrap.wrap(text, width, break_long_words=True, break_on_hyphens=False)
    if len(lines) <= most:
        return lines
    return [*lines[:most - 1], lines[most - 1][:width - 1].rstrip() + "…"]


def printable(text: str) -> str:
    """Characters that XML has no way to write become boxes."""
    return "".join(ch if ch >= " " or ch in "\n\t" else "\N{REPLACEMENT CHARACTER}" for ch in text)


def shown(text: str) -> str:
    """For HTML and SVG."""
    return escape(printable(text))
