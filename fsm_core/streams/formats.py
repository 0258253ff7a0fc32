"""Which format a path is in, and the files behind it, compressed or not."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import PurePath
from typing import IO, Any, Literal, NamedTuple

from fsm_core.errors import SinkError, SourceError

Kind = Literal["jsonl", "json", "csv", "tsv", "txt"]
_KINDS: dict[str, Kind] = {"jsonl": "jsonl", "ndjson": "jsonl", "json": "json", "csv": "csv", "tsv": "tsv", "txt": "txt",
                           "log": "txt"}
STANDARD = "-"


class Format(NamedTuple):
    """What is inside a file, and what is around it."""

    kind: Kind
    compression: Literal["", "gz", "zst"]


def format_of(path: str, asked: str) -> Format | None:
    """The format of a path; `asked` ("auto" or a name) wins over the suffix. None if neither says it."""
    suffixes = [s.lower().lstrip(".") for s in PurePath(path).suffixes]
    compression: Literal["", "gz", "zst"] = ""
    if suffixes and suffixes[-1] in ("gz", "zst"):
        compression = "gz" if suffixes.pop() == "gz" else "zst"
    name = asked if asked != "auto" else "jsonl" if path == STANDARD else suffixes[-1] if suffixes else ""
    kind = _KINDS.get(name)
    return Format(kind, compression) if kind else None


def unknown(path: str, asked: str) -> str:
    """What to say of a path without a format."""
    what = f"format {asked!r}" if asked != "auto" else "its name"
    return f"{path}: {what} is none of {', '.join(_KINDS)} (each also .gz or .zst); name one of them"


def open_source(path: str, form: Format) -> tuple[Any, IO[bytes]]:
    """The file to read values from, and the file below it whose position is the progress."""
    try:
        raw: IO[bytes] = sys.stdin.buffer if path == STANDARD else open(path, "rb")  # noqa: SIM115 - closed by the feed
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if form.compression == "gz":
        return gzip.GzipFile(fileobj=raw, mode="rb"), raw
    if form.compression == "zst":
        import zstandard  # only where a stream needs it

        return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True), raw
    return raw, raw


def open_sink(path: str, form: Format, append: bool) -> Any:
    """The file to write values to, without a buffer of its own."""
    try:
        if path == STANDARD:
            return sys.stdout.buffer
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        raw = open(path, "ab" if append else "wb", buffering=0)  # noqa: SIM115 - closed by the sink
    except OSError as error:
        raise SinkError(f"{path}: {error.strerror}") from error
    if form.compression == "gz":
        return _Closing(gzip.GzipFile(fileobj=raw, mode="ab"), raw)
    if form.compression == "zst":
        import zstandard  # only where a stream needs it

        return zstandard.ZstdCompressor().stream_writer(raw, closefd=True)
    return raw


class _Closing:
    """A gzip file that closes the file below it too."""

    def __init__(self, file: gzip.GzipFile, below: IO[bytes]) -> None:
        self.write = file.write
        self._both = (file, below)

    def close(self) -> None:
        for file in self._both:
            file.close()
