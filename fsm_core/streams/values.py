"""Files as values: blocks of bytes in, lists of the bytes of one record each out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import orjson

from fsm_core.streams.arrays import elements
from fsm_core.streams.blocks import Blocks, Broken, Values
from fsm_core.streams.formats import Format

_TRIED = 1 << 16


def values_of(blocks: Blocks, form: Format) -> Iterator[Values]:
    """The values of a file with the bytes they took; a file that ends too early has one Broken last."""
    if form.kind in ("csv", "tsv"):
        yield from _rows(blocks, "\t" if form.kind == "tsv" else ",")
    elif form.kind == "json":
        yield from elements(blocks)
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
