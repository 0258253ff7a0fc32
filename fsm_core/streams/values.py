"""Files as values: blocks of bytes in, lists of the bytes of one record each out."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import orjson

from fsm_core.streams.formats import Format

BLOCK = 256 * 1024
"""Bytes read at once."""
_BOM = b"\xef\xbb\xbf"
_TRIED = 1 << 16
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_SPACE = b" \t\r\n"
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


def values_of(blocks: Blocks, form: Format) -> Iterator[Values]:
    """The values of a file with the bytes they took; a file that ends too early has one Broken last."""
    if form.kind in ("csv", "tsv"):
        yield from _rows(blocks, "\t" if form.kind == "tsv" else ",")
    elif form.kind == "json":
        yield from _elements(blocks)
    else:
        yield from _records(blocks, keep_blank=form.kind == "txt")


def _records(blocks: Blocks, keep_blank: bool) -> Iterator[Values]:
    for lines, size in _lines(blocks):
        if keep_blank:
            yield [v if type(v) is Broken else v.removesuffix(b"\r") for v in lines], size
        else:
            yield [v for v in lines if (v and not v.isspace()) or type(v) is Broken], size


def _lines(blocks: Blocks) -> Iterator[Values]:
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        size += len(block)
        head, newline, rest = block.partition(b"\n")
        parts.append(head)
        if newline:
            lines = rest.split(b"\n")
            lines.insert(0, b"".join(parts))
            parts = [lines.pop()]
            yield lines, size
            size = 0
    last = b"".join(parts)
    if blocks.fault is not None:
        yield [Broken.because(last, blocks.fault)], len(last)
    elif last:
        yield [last], len(last)


def _rows(blocks: Blocks, delimiter: str) -> Iterator[Values]:
    raw: list[bytes] = []
    broken: list[bytes] = []

    def text() -> Iterator[str]:
        for lines, _ in _lines(blocks):
            for line in lines:
                if type(line) is Broken:
                    broken.append(line)
                    return
                raw.append(line + b"\n")
                yield raw[-1].decode("utf-8", "surrogateescape")

    reader = csv.reader(text(), delimiter=delimiter)
    header: list[str] | None = None
    while True:
        raw.clear()
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield [Broken.because(b"".join(raw), f"not a row: {error}")], sum(map(len, raw))
            continue
        if header is None:
            header = row or None
        elif row:
            yield [_row(header, row, raw)], sum(map(len, raw))
    yield broken, 0


def _row(header: list[str], row: list[str], raw: list[bytes]) -> bytes:
    if len(row) != len(header):
        return Broken.because(b"".join(raw), f"{len(row)} fields where the header has {len(header)}")
    try:
        return orjson.dumps(dict(zip(header, row, strict=True)))
    except orjson.JSONEncodeError:
        return Broken.because(b"".join(raw), "not UTF-8")


def _elements(blocks: Blocks) -> Iterator[Values]:
    """The elements of a JSON array, as they stand; a file that breaks the array's syntax ends in one Broken."""
    scan = _ArrayScan()
    for block in chain(blocks, [b""]):
        found = scan.feed(block)
        for at, value in enumerate(found):
            if _breaks_syntax(value):
                yield [*found[:at], Broken.because(value, "not JSON; nothing after it was read")], len(block)
                return
        yield found, len(block)
        if scan.fault:
            break
    rest = bytes(scan.buffer)
    fault = blocks.fault or scan.fault or scan.unfinished()
    if fault and scan.between and rest.strip(_SPACE)[:1] == b"{" and not _breaks_syntax(rest):
        yield [rest.strip(_SPACE), Broken.because(b"", fault)], 0  # the last record is whole, only the array is not
    else:
        yield ([Broken.because(rest, fault)] if fault else []), 0


def _breaks_syntax(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        try:
            json.loads(value)
        except json.JSONDecodeError:
            return True
        except (ValueError, RecursionError):
            return False  # not UTF-8, or more than Python takes: the record's fault, not the array's
    return False


class _ArrayScan:
    """Finds where the elements of an array end, without building any of them."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.fault = ""
        self._at = 0  # up to here the buffer is scanned
        self._depth = 0
        self._wanted = 0  # no use in scanning before the buffer is this long: keeps a long string linear
        self._closed = False
        self._after_comma = False

    def feed(self, block: bytes) -> list[bytes]:
        """The elements that end in this block."""
        self.buffer += block
        if block and len(self.buffer) < self._wanted:
            return []
        self._wanted = 0
        found: list[bytes] = []
        start = 0
        if self._depth == 0 and not self._closed and not self._enter():
            return found
        while not self._closed and not self.fault:
            match = _TOKEN.search(self.buffer, self._at)
            if match is None or match.group() == b'"':
                self._at = match.start() if match else len(self.buffer)
                self._wanted = 2 * (len(self.buffer) - start) if match else 0
                break
            self._at = match.end()
            start = self._token(match.group()[0], start, match.start(), found)
        del self.buffer[:start]
        self._at -= start
        if self._closed and bytes(self.buffer).strip(_SPACE):
            self.fault = "something follows the array's end"
        return found

    def _enter(self) -> bool:
        del self.buffer[: len(self.buffer) - len(self.buffer.lstrip(_SPACE))]
        if not self.buffer:
            return False
        if self.buffer[0] != ord("["):
            self.fault = "the file is not a JSON array"
            return False
        del self.buffer[:1]
        self._depth = 1
        return True

    def _token(self, token: int, start: int, at: int, found: list[bytes]) -> int:
        """Take one token in; the index where the element in hand starts."""
        if token in b"[{":
            self._depth += 1
        elif token in b"]}" and self._depth > 1:
            self._depth -= 1
        elif token in b",]}" and self._depth == 1:
            value = bytes(self.buffer[start:at]).strip(_SPACE)
            ends = token == ord("]")
            if token == ord("}") or (not value and (not ends or self._after_comma)):
                self.fault = "the array's syntax is broken"
                return start
            if value:
                found.append(value)
            self._closed, self._after_comma = ends, not ends
            return at + 1
        return start

    @property
    def between(self) -> bool:
        """Whether the buffer holds no half of a nested value."""
        return self._depth == 1 and not self.fault

    def unfinished(self) -> str:
        """Why the end of the file is no end of the array; empty if it is."""
        if self._closed or (self._depth == 0 and not self.buffer):
            return ""
        return "the file ends inside the array"


def encoded(record: Any) -> bytes:
    """A caller's record as the bytes the machine reads; Broken if it has none."""
    if isinstance(record, bytes):
        return record
    if not isinstance(record, dict):
        return Broken.because(repr(record)[:_TRIED].encode("utf-8", "replace"), "the record is not an object")
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError:
        pass
    try:
        return json.dumps(record, allow_nan=False).encode()  # whole numbers beyond 64 bits
    except (TypeError, ValueError, RecursionError) as error:
        return Broken.because(repr(type(record)).encode(), f"the record has no JSON: {error}")
