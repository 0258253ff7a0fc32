"""YAML texts with one slip of the hand in them, by kind of mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EVERY = 3
"""A slip is made in every third line."""


def changed_texts(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of every mutant; the tests at the end are left alone."""
    head, tests, rest = text.partition("\ntests:")
    lines = head.split("\n")
    for i, line in enumerate(lines):
        if i % _EVERY or not line.strip() or line.lstrip().startswith("#"):
            continue
        for kind, other in _slips(line):
            yield kind, "\n".join([*lines[:i], other, *lines[i + 1:]]) + tests + rest


def _slips(line: str) -> Iterator[tuple[str, str]]:
    if line.startswith(" "):
        yield "YAML: indented too little", line[1:]
        yield "YAML: a tab", "\t" + line.lstrip()
    yield "YAML: indented too much", "  " + line
    if re.search(r"\w: ", line):
        yield "YAML: no blank after a colon", re.sub(r"(\w): ", r"\1:", line, count=1)
    if line.rstrip().endswith("}"):
        yield "YAML: lost bracket", line.rstrip()[:-1]
    if ", " in line and "{" in line:
        yield "YAML: lost comma", line.replace(", ", " ", 1)
    if line.lstrip().startswith("- "):
        yield "YAML: lost dash", line.replace("- ", "  ", 1)
    if (quoted := re.search(r": ([\"'])", line)) is not None:
        yield "YAML: lost quote", line[:quoted.end() - 1] + line[quoted.end():]
