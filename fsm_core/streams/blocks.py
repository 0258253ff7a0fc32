"""Files as blocks of bytes, and what is said of bytes that are no record."""

from __future__ import annotations

from collections.abc import Callable, Iterator

BLOCK = 256 * 1024
"""Bytes read at once."""
_BOM = b"\xef\xbb\xbf"
Values = tuple[list[bytes], int]


class Broken(bytes):
    """The bytes of a record that its file's format already refuses; `message` says why."""

    message: str

    @classmethod
    def because(cls, raw: bytes, message: str) -> Broken:
        """These bytes, refused with this message."""
        broken = cls(raw)
        broken.message = message
        return broken


class Blocks:
    """The blocks of a file, without the byte order mark; `fault` says why it ended too early, if it did."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.fault: str | None = None
        self.foreign = False  # not a byte could be read, and not for being cut short: it is something else
        self._some = False

    def __iter__(self) -> Iterator[bytes]:
        start = b""
        while len(start) < len(_BOM) and (more := self._next(len(_BOM) - len(start))):
            start += more
        if start and start != _BOM:
            yield start
        while block := self._next(BLOCK):
            yield block

    def _next(self, size: int) -> bytes:
        try:
            block = self._read(size)
            self._some = True
            return block
        except Exception as error:  # noqa: BLE001 - gzip, zlib and zstandard each have their own errors, with no common root
            self.fault = f"the file cannot be read further: {error}"
            self.foreign = not self._some and not isinstance(error, EOFError)
            return b""
