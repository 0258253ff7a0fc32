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
_ZST_PIECE = 4096  # compressed: a repetitive file makes some thousand times as much of it


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
        # a reader of our own over file 0: a thread that waits in sys.stdin at exit would be fatal to the interpreter
        raw: IO[bytes] = open(0 if path == STANDARD else path, "rb", closefd=path != STANDARD)  # noqa: SIM115 - closed by the feed
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if form.compression == "gz":
        return gzip.GzipFile(fileobj=raw, mode="rb"), raw
    if form.compression == "zst":
        return _Frames(raw), raw
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


class _Frames:
    """The frames of a zstd file; unlike the library's own reader it tells a file that ends inside a frame."""

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard  # only where a stream needs it

        self._file, self._decompressor = file, zstandard.ZstdDecompressor()
        self._frame: Any = None
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Some bytes, about as many as asked for; empty at the end."""
        while True:
            piece, self._rest = self._rest or self._file.read(min(size, _ZST_PIECE)), b""
            if not piece:
                if self._frame is not None:
                    raise EOFError("the file ends inside a zstd frame")
                return b""
            self._frame = self._frame or self._decompressor.decompressobj()
            out: bytes = self._frame.decompress(piece)
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
            if out:
                return out

    def close(self) -> None:
        """Nothing of its own."""


class _Closing:
    """A gzip file that closes the file below it too."""

    def __init__(self, file: gzip.GzipFile, below: IO[bytes]) -> None:
        self.write, self.flush = file.write, file.flush
        self._both = (file, below)

    def close(self) -> None:
        for file in self._both:
            file.close()
