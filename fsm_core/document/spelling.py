"""Where each character of a text stands in the file that it was written in."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import ScalarNode


@dataclass(frozen=True, slots=True)
class Spelling:
    """A scalar of a file: its value, how it is written there, and where that begins (line and column from 0)."""

    value: str
    raw: str
    style: str | None
    line: int
    column: int

    @classmethod
    def of(cls, node: ScalarNode, text: str) -> Spelling:
        """The spelling of a node of that text."""
        start, end = node.start_mark, node.end_mark
        return cls(node.value, text[start.index:end.index], node.style, start.line, start.column)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (from 1) of a character of the value; of the scalar's start where escapes or folding hide it."""
        offset = max(0, min(offset, len(self.value)))
        found = self._in_block(offset) if self.style == "|" else self._in_line(offset)
        line, column = found or (0, self.column)
        return self.line + line + 1, column + 1

    def _in_line(self, offset: int) -> tuple[int, int] | None:
        """A plain or quoted scalar on one line, which says what it means; an anchor or a tag may stand before it."""
        body = self.raw.rstrip()
        body = body[:-1] if self.style else body
        if "\n" in body or not body.endswith(self.value):
            return None
        return 0, self.column + len(body) - len(self.value) + offset

    def _in_block(self, offset: int) -> tuple[int, int] | None:
        """A block scalar keeps its lines, behind their indentation."""
        above = self.value[:offset]
        number = above.count("\n") + 1
        lines, wanted = self.raw.split("\n"), self.value.split("\n")[number - 1]
        if number >= len(lines) or not lines[number].endswith(wanted):
            return None
        return number, len(lines[number]) - len(wanted) + offset - (above.rfind("\n") + 1)
