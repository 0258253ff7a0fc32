"""Bytes to record and back: exactly the JSON that goes in, and never a `null` that was a NaN."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

import orjson

from fsm_core.expressions.bounds import refuse_large

_LONG = re.compile(rb"[0-9]{19}")
MAX_DEPTH = 254
"""The deepest nesting that orjson writes."""


class Malformed(ValueError):
    """A value that is no record."""


class Unencodable(ValueError):
    """A record that cannot be written as JSON without changing what it says."""


@cache
def settle_heap() -> None:
    """Allocate and free 30 MB once, so that glibc stops trimming and regrowing the heap under orjson's results."""
    heap = bytes(8_000_000)  # zero pages that are never touched: no resident memory
    del heap


def decode(raw: bytes) -> dict[str, Any]:
    """The record that a JSON value says; `Malformed` if it is no object, or not strictly JSON."""
    try:
        record = orjson.loads(raw)
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(str(error)) from None
    if record.__class__ is not dict:
        raise Malformed(f"a record is an object, this is {describe(record)}")
    return record


def decode_exactly(raw: bytes) -> dict[str, Any]:
    """`decode`, with integers over 64 bits as they are."""
    record = decode(raw)  # it alone says what is JSON
    if not _LONG.search(raw):
        return record
    try:
        exact: dict[str, Any] = json.loads(raw)
    except ValueError as error:  # Python refuses thousands of digits
        raise Malformed(str(error)) from None
    return exact


def decode_text(raw: bytes) -> dict[str, Any]:
    """The record of a value that is read as text."""
    try:
        return {"line": raw.decode()}
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {error.reason} at byte {error.start}") from None


def encode(record: dict[str, Any]) -> bytes:
    """The record as compact JSON; `Unencodable` says why not."""
    try:
        value = orjson.dumps(record)
    except (TypeError, ValueError, RecursionError) as error:
        if "64-bit" not in str(error):
            raise Unencodable(str(error)) from None
        return _encode_exactly(record)
    if b"null" in value:
        refuse_nonfinite(record)
    return value


def encode_measured(record: dict[str, Any]) -> bytes:
    """`encode`, for machines that may put the same part of a record into it over and over: at most 16 MiB."""
    try:
        refuse_large(record, "a record as JSON")
    except OverflowError as error:
        raise Unencodable(str(error)) from None
    return encode(record)


def _encode_exactly(record: dict[str, Any]) -> bytes:
    """The slower way, for integers over 64 bits."""
    refuse_nonfinite(record)
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(str(error)) from None


def refuse_nonfinite(value: Any, depth: int = 0) -> None:
    """Raise `Unencodable` if a NaN or an infinity stands anywhere, a key is no text, or the nesting is too deep."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unencodable(f"{value} is no JSON number")
        return
    if not isinstance(value, dict | list | tuple):
        return
    if depth > MAX_DEPTH:
        raise Unencodable("nested too deep to be written")
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise Unencodable(f"a field name is text, this is {describe(name)}")
            refuse_nonfinite(item, depth + 1)
        return
    for item in value:
        refuse_nonfinite(item, depth + 1)


_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number",
                           float: "a number", type(None): "null"}


def describe(value: Any) -> str:
    """What a value is, in the words of the language."""
    return _NAMES.get(type(value), type(value).__name__)


Decoder = Callable[[bytes], dict[str, Any]]
Encoder = Callable[[dict[str, Any]], bytes]


class Codec(Protocol):
    """How values are read and written: one for the input, one for each route. A schema registry's would be another one.

    `decode` raises `Malformed` and nothing else, `encode` `Unencodable` and nothing else; both are called from one thread at a
    time, keep nothing of a record, and wait for nothing (what they need from afar is there before, or is a `Malformed`).
    """

    def decode(self, raw: bytes) -> dict[str, Any]: ...
    def encode(self, record: dict[str, Any]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Json:
    """The codec of `format: json`; compiled code has it built in."""

    def decode(self, raw: bytes) -> dict[str, Any]:
        """See `decode`."""
        return decode(raw)

    def encode(self, record: dict[str, Any]) -> bytes:
        """See `encode`."""
        return encode(record)


@dataclass(frozen=True, slots=True)
class Text:
    """The codec of `format: text`: a record is `{"line": …}`, and only such a one can be written."""

    def decode(self, raw: bytes) -> dict[str, Any]:
        """See `decode_text`."""
        return decode_text(raw)

    def encode(self, record: dict[str, Any]) -> bytes:
        """The line; `Unencodable` where the record is anything else."""
        line = record.get("line")
        if len(record) != 1 or not isinstance(line, str):
            raise Unencodable("a text output is a record with one field `line`, which is text")
        try:
            return line.encode()
        except UnicodeEncodeError as error:
            raise Unencodable(str(error)) from None


JSON: Final = Json()
TEXT: Final = Text()
