"""Chunks of whole lines, cut out of a file's blocks without a look at each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fsm_core.streams.blocks import Blocks

_NEWLINE = ord("\n")


class Lines(NamedTuple):
    """Whole lines as one piece of bytes: cheap to hand on, split only where they are run."""

    data: bytes
    text: bool

    def records(self) -> list[bytes]:
        """The lines that are records: in text each one, else those that are not blank."""
        lines = self.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if self.text:
            return [line.removesuffix(b"\r") for line in lines]
        if lines and min(lines) < b"!":  # some line is empty or begins with a space: one may be blank
            return [line for line in lines if line and not line.isspace()]
        return lines


Chunk = list[bytes] | Lines
"""Some records; it is empty (false) only at the end of the source."""


class Cutter:
    """Cuts the blocks of a file into pieces of so many lines."""

    def __init__(self, blocks: Blocks, most_bytes: int) -> None:
        self._blocks: Iterator[bytes] = iter(blocks)
        self._most_bytes = most_bytes
        self._block, self._at = b"", 0
        self._guess = 256.0  # bytes of a line, as the last piece had them

    def take(self, most: int) -> bytes:
        """Up to `most` lines, fewer once they are `most_bytes` long; only the file's last line may have no end."""
        parts: list[bytes] = []
        lines = size = 0
        open_ = False
        while lines < most and (size < self._most_bytes or open_) and self._more():
            end, found = self._after(most - lines if size < self._most_bytes else 1)
            part = self._block[self._at:end]
            parts.append(part)
            self._at = end
            lines += found
            size += len(part)
            open_ = part[-1] != _NEWLINE
        self._guess = size / lines if lines else self._guess
        return b"".join(parts)

    def _more(self) -> bool:
        if self._at == len(self._block):
            self._block, self._at = next(self._blocks, b""), 0
        return bool(self._block)

    def _after(self, wanted: int) -> tuple[int, int]:
        """Where so many lines end in the block, and how many there are: fewer if the block ends before."""
        block = self._block
        end = min(len(block), self._at + int(wanted * self._guess) + 1)
        found = block.count(b"\n", self._at, end)
        if found >= wanted:
            for _ in range(found - wanted + 1):
                end = block.rindex(b"\n", self._at, end)
            return end + 1, wanted
        while found < wanted:
            at = block.find(b"\n", end)
            if at < 0:
                return len(block), found
            end, found = at + 1, found + 1
        return end, found
