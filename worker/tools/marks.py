"""Which dead letters of a partition were sent back already: everything below an offset, and single ones above it, in few bytes."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field

MOST_BYTES = 4000
"""A broker takes 4,096 bytes beside an offset (offset.metadata.max.bytes)."""


class MarksFull(Exception):
    """What was sent back is scattered too widely to be remembered."""


@dataclass(slots=True)
class Marks:
    """Everything below `base` is done or gone; `done` are single ones from there on."""

    base: int = 0
    done: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, base: int, text: str) -> Marks:
        """From a committed offset (-1: none) and what stands beside it."""
        if base < 0 or not text:
            return cls(max(base, 0))
        bits = int.from_bytes(zlib.decompress(base64.b85decode(text)), "little")
        return cls(base, {base + i for i in range(bits.bit_length()) if bits >> i & 1})

    def __contains__(self, offset: int) -> bool:
        return offset < self.base or offset in self.done

    def write(self) -> tuple[int, str]:
        """To commit. Raises MarksFull when it would not fit."""
        if not self.done:
            return self.base, ""
        bits = bytearray((max(self.done) - self.base) // 8 + 1)
        for offset in self.done:
            bits[(offset - self.base) >> 3] |= 1 << ((offset - self.base) & 7)
        text = base64.b85encode(zlib.compress(bytes(bits), 9)).decode()
        if len(text) > MOST_BYTES:
            raise MarksFull(f"{len(self.done)} dead letters over {len(bits) * 8} offsets: {len(text)} bytes")
        return self.base, text

    def rise(self, offset: int) -> None:
        """Everything below `offset` was looked at and none of it is left to do."""
        self.base = max(self.base, offset)
        self.done = {o for o in self.done if o >= self.base}
