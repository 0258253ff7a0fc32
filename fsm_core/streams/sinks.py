"""Where outputs go: each sink takes lists of encoded values and writes them before it returns."""

from __future__ import annotations

import csv
import inspect
import io
import os
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from fsm_core.errors import SinkError
from fsm_core.streams.formats import STANDARD, Format, format_of, open_sink, unknown


class Sink(Protocol):
    """Takes values in order; gives back the ones it cannot hold, by their place in the list, with the reason."""

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]: ...

    async def close(self) -> None: ...


class LinesSink:
    """A file of JSON lines; `write_blob` takes lines that are laid out already."""

    def __init__(self, path: str, file: Any) -> None:
        self._path, self._file = path, file

    def write_blob(self, blob: bytes | bytearray) -> None:
        """Write all of it: an unbuffered file may take less at once than it is given."""
        try:
            left = memoryview(blob)
            while left:
                taken = self._file.write(left)
                left = left[taken:] if taken is not None and taken < len(left) else left[len(left):]
        except OSError as error:
            raise SinkError(f"{self._path}: {error.strerror}") from error

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]:
        self.write_blob(b"".join([v + b"\n" for v in values]))
        return []

    async def close(self) -> None:
        try:
            self._file.flush()
            if self._path != STANDARD:
                self._file.close()
        except OSError as error:
            raise SinkError(f"{self._path}: {error.strerror}") from error


class TextSink(LinesSink):
    """A file of lines of text: a record that is only a `line` is that line, any other its JSON."""

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]:
        return await super().write([_line(v) for v in values])


def _line(value: bytes) -> bytes:
    record = orjson.loads(value)
    if isinstance(record, dict) and record.keys() == {"line"} and isinstance(record["line"], str):
        return str(record["line"]).encode()
    return value


class ArraySink(LinesSink):
    """A file that is one JSON array."""

    def __init__(self, path: str, file: Any) -> None:
        super().__init__(path, file)
        self._before = b"[\n"

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]:
        if values:
            self.write_blob(self._before + b",\n".join(values))
            self._before = b",\n"
        return []

    async def close(self) -> None:
        self.write_blob(b"[]\n" if self._before == b"[\n" else b"\n]\n")
        await super().close()


class TableSink(LinesSink):
    """A CSV or TSV file; its columns are those of the first record, or of the header that is there already."""

    def __init__(self, path: str, file: Any, delimiter: str, columns: list[str] | None) -> None:
        super().__init__(path, file)
        self._delimiter, self._columns = delimiter, columns

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator="\n")
        refused = []
        for at, value in enumerate(values):
            record = orjson.loads(value)
            if not isinstance(record, dict):
                refused.append((at, "a row needs an object"))
                continue
            if self._columns is None:
                self._columns = list(record)
                writer.writerow(self._columns)
            if extra := record.keys() - set(self._columns):
                refused.append((at, f"no column for {', '.join(sorted(extra))}"))
                continue
            writer.writerow([_cell(record.get(name)) for name in self._columns])
        self.write_blob(text.getvalue().encode())
        return refused


def _cell(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, (dict, list, bool)) else value


class CallSink:
    """The caller's function, or the `write` of its object: gets lists of records, at most `most` long."""

    def __init__(self, function: Callable[[list[Any]], Any], most: int, owner: Any = None) -> None:
        self._function, self._most, self._owner = function, most, owner

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]:
        for at in range(0, len(values), self._most):
            given = self._function([orjson.loads(v) for v in values[at:at + self._most]])
            if inspect.isawaitable(given):
                await given
        return []

    async def close(self) -> None:
        flush = getattr(self._owner, "flush", None)
        if callable(flush):
            given = flush()
            if inspect.isawaitable(given):
                await given


class NoSink:
    """Nowhere."""

    async def write(self, values: list[bytes]) -> list[tuple[int, str]]:
        return []

    async def close(self) -> None:
        """Nothing to close."""


def sink_of(sink: Any, output_format: str, append: bool, most: int) -> Sink:
    """The sink for what the caller gave as one."""
    if sink is None:
        return NoSink()
    if isinstance(sink, (str, os.PathLike)):
        return _file_sink(os.fspath(sink), output_format, append)
    write = getattr(sink, "write", None)
    if callable(write):
        return CallSink(write, most, sink)
    if callable(sink):
        return CallSink(sink, most)
    raise SinkError(f"a sink is a path, a callable, or an object with write(list), not {type(sink).__name__}")


def _file_sink(path: str, output_format: str, append: bool) -> Sink:
    form = format_of(path, output_format)
    if form is None:
        raise SinkError(unknown(path, output_format))
    if append and form.kind == "json":
        raise SinkError(f"{path}: a JSON array cannot be appended to; write .jsonl")
    columns = _columns(path, form) if append and form.kind in ("csv", "tsv") else None
    file = open_sink(path, form, append)
    if form.kind in ("csv", "tsv"):
        return TableSink(path, file, "\t" if form.kind == "tsv" else ",", columns)
    return {"json": ArraySink, "txt": TextSink}.get(form.kind, LinesSink)(path, file)


def _columns(path: str, form: Format) -> list[str] | None:
    if path == STANDARD or not os.path.exists(path):
        return None
    if form.compression:
        raise SinkError(f"{path}: a compressed table cannot be appended to")
    with open(path, encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file, delimiter="\t" if form.kind == "tsv" else ","), None)
