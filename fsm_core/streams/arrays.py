"""The elements of a JSON array, found without building any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain

import orjson

from fsm_core.streams.blocks import Blocks, Broken, Values

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_SPACE = b" \t\r\n"


def elements(blocks: Blocks) -> Iterator[Values]:
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
