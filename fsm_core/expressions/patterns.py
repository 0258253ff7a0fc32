"""Helpers that match regular expressions, and the check of the literal patterns they take."""

from __future__ import annotations

import re

from fsm_core.expressions.bounds import MOST_TEXT


def matches(pattern: str, x: str) -> bool:
    """Whether the pattern is found anywhere in the text."""
    return re.search(pattern, x) is not None


def find(pattern: str, x: str) -> dict[str, str | None] | None:
    """The named groups of the first match anywhere in the text, or None."""
    match = re.search(pattern, x)
    return None if match is None else match.groupdict()


def replace(pattern: str, by: str, x: str) -> str:
    """Every match replaced by `by`, in which `\\1` and `\\g<name>` work; at most 16 MiB of result."""
    slots = by.count("\\")
    size = len(x)
    for match in re.finditer(pattern, x):
        # Exact without group references; with them, each is counted as the match's longest group.
        size += len(by) - len(match.group()) + (slots * max(_widths(match)) if slots else 0)
        if size > MOST_TEXT:
            raise OverflowError(f"replace would give more than {MOST_TEXT} characters")
    return re.sub(pattern, by, x)


def _widths(match: re.Match[str]) -> list[int]:
    return [match.end(group) - match.start(group) for group in range(match.re.groups + 1)]


def pattern_error(pattern: str) -> str | None:
    """Why the text is no regular expression, None if it is one."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return None
