"""The place of each node of parsed code: found once, from where the text stands in its file."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

from fsm_core.definition import Mark

Place = Callable[[int], Mark]
"""The mark of a character of a text, by its offset."""
Node = TypeVar("Node", bound=ast.AST)


class Lines:
    """How lines of parsed source go back to the text that they were taken from, which was dedented and stripped for it."""

    def __init__(self, text: str, source: str) -> None:
        self._sources = source.split("\n")
        lines, blank = text.split("\n"), text[:len(text) - len(text.lstrip())].count("\n")
        at = sum(len(line) + 1 for line in lines[:blank])
        self._starts: list[int] = []
        for line, kept in zip(lines[blank:], self._sources, strict=False):
            self._starts.append(at + _indent(line) - _indent(kept))
            at += len(line) + 1

    def offset(self, line: int, column: int) -> int:
        """The offset in the text of a line (from 1) and a column (characters, from 0) of the source."""
        if not 1 <= line <= len(self._starts):
            return 0 if line < 1 else self._starts[-1] + len(self._sources[-1])
        return self._starts[line - 1] + max(0, min(column, len(self._sources[line - 1])))

    def stamp(self, tree: ast.AST, place: Place, bracket: int = 0) -> None:
        """Mark each node with its place; `bracket` characters were put before the source."""
        for node in ast.walk(tree):
            line = getattr(node, "lineno", None)
            if line is not None:
                column: int = node.col_offset - (bracket if line == 1 else 0)  # type: ignore[attr-defined]  # it has one with the line
                source = self._sources[line - 1] if line <= len(self._sources) else ""
                if not source.isascii():
                    column = len(source.encode()[:max(0, column)].decode(errors="ignore"))
                node.fsm_mark = place(self.offset(line, column))  # type: ignore[attr-defined]  # findings of the node belong there


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def in_place_of(new: Node, old: ast.AST) -> Node:
    """A node that stands where another one stood."""
    made = ast.copy_location(new, old)
    if (mark := getattr(old, "fsm_mark", None)) is not None:
        made.fsm_mark = mark  # type: ignore[attr-defined]  # as above
    return made


def mark_of(node: ast.AST, otherwise: Mark) -> Mark:
    """Where a node stands, as far as that is known."""
    found: Mark = getattr(node, "fsm_mark", otherwise)
    return found
