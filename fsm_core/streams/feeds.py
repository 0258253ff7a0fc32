"""Where records come from: each feed gives a chunk when it is full, when it waited long enough, or at the end."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import IO, Any, Protocol

from fsm_core.errors import SourceError
from fsm_core.streams.blocks import BLOCK, Blocks, Broken, Values
from fsm_core.streams.formats import STANDARD, Format, format_of, open_source, unknown
from fsm_core.streams.lines import Chunk, Cutter, Lines
from fsm_core.streams.values import encoded, values_of
from fsm_core.streams.waiting import AsyncFeed, Bounds, ThreadFeed

_LISTED = 64  # records of a list that are encoded at once, if they are small


class Feed(Protocol):
    """A source of records. After `stop`, `take` gives what was read already, then nothing."""

    bytes_total: int | None

    @property
    def bytes_read(self) -> int | None: ...

    def ready(self, most: int) -> Chunk | None:
        """What `take` would give, if it need not wait."""
        ...

    async def take(self, most: int) -> Chunk:
        """Up to `most` records, in order; empty at the end. Raises what the source raised, after its records."""
        ...

    def release(self, count: int) -> None:
        """So many records are written: the feed may read as many more."""

    def stop(self) -> None: ...

    async def close(self) -> None: ...

    def abandon(self) -> None:
        """Let go of the source at once: nothing was taken from it."""
        ...


class _Whole:
    """What the feeds that never wait for anybody share: a regular file, or a list."""

    def __init__(self, close: Callable[[], None], position: Callable[[], int] | None, total: int | None) -> None:
        self._close, self._position = close, position
        self._stopped = False
        self.bytes_total = total

    @property
    def bytes_read(self) -> int | None:
        return self._position() if self._position else None

    def ready(self, most: int) -> Chunk | None:
        raise NotImplementedError

    async def take(self, most: int) -> Chunk:
        return self.ready(most) or []

    def release(self, count: int) -> None:
        """Nothing is read ahead but one block."""

    def stop(self) -> None:
        self._stopped = True  # a block read ahead is not in hand: nobody counted it

    def abandon(self) -> None:
        self._close()

    async def close(self) -> None:
        self._close()


class RecordsFeed(_Whole):
    """Records that have to be looked at one by one to be found: tables, arrays, lists."""

    def __init__(self, values: Iterator[Values], most_bytes: int, close: Callable[[], None] = lambda: None,
                 position: Callable[[], int] | None = None, total: int | None = None) -> None:
        super().__init__(close, position, total)
        self._values, self._most_bytes = values, most_bytes
        self._held: list[bytes] = []
        self._at = 0

    def ready(self, most: int) -> Chunk | None:
        out: list[bytes] = []
        size = 0
        while not self._stopped and len(out) < most and size < self._most_bytes:
            if self._at == len(self._held):
                more = next(self._values, None)
                if more is None:
                    break
                self._held, taken = more
                self._at = 0
                size += taken
            piece = self._held[self._at:self._at + most - len(out)]
            self._at += len(piece)
            out += piece
        return out


class LinesFeed(_Whole):
    """A file of lines: a chunk is a piece of it."""

    def __init__(self, blocks: Blocks, text: bool, most_bytes: int, close: Callable[[], None], position: Callable[[], int],
                 total: int) -> None:
        super().__init__(close, position, total)
        self._blocks, self._text = blocks, text
        self._cutter = Cutter(blocks, most_bytes)
        self._last: list[bytes] | None = None

    def ready(self, most: int) -> Chunk | None:
        if self._stopped:
            return []
        if self._last is not None:
            last, self._last = self._last, []
            return last
        data = self._cutter.take(most)
        if self._blocks.fault is not None:
            whole = data.rfind(b"\n") + 1
            self._last = [Broken.because(data[whole:], self._blocks.fault)]
            data = data[:whole]
            return Lines(data, self._text) if data else self.ready(most)
        return Lines(data, self._text) if data else []


def feed_of(source: Any, input_format: str, bounds: Bounds) -> Feed:
    """The feed for what the caller gave as a source."""
    if isinstance(source, (str, os.PathLike)):
        return _file_feed(os.fspath(source), input_format, bounds)
    if isinstance(source, AsyncIterable):
        return AsyncFeed(source, bounds)
    if isinstance(source, (list, tuple)):
        return RecordsFeed(_listed(source), bounds.chunk_bytes)
    if isinstance(source, Iterable) and not isinstance(source, (bytes, dict)):
        return ThreadFeed(([encoded(record)] for record in source), bounds)
    raise SourceError(f"a source is a path or an iterable of records, not {type(source).__name__}")


def _listed(records: Iterable[Any]) -> Iterator[Values]:
    part: list[bytes] = []
    size = 0
    for record in records:
        part.append(encoded(record))
        size += len(part[-1])
        if len(part) == _LISTED or size >= BLOCK:
            yield part, size
            part, size = [], 0
    yield part, size


def _file_feed(path: str, input_format: str, bounds: Bounds) -> Feed:
    form = format_of(path, input_format)
    if form is None:
        raise SourceError(unknown(path, input_format))
    file, below = open_source(path, form)
    status = os.fstat(below.fileno()) if path != STANDARD else None
    if status is None or not stat.S_ISREG(status.st_mode):
        return ThreadFeed(_waited_for(file, below, form), bounds)
    blocks = _Own(file.read1 if form.compression == "gz" else file.read, path)  # read would lose what came before a fault

    def close() -> None:
        file.close()
        below.close()

    if form.kind in ("jsonl", "txt"):
        return LinesFeed(blocks, form.kind == "txt", bounds.chunk_bytes, close, below.tell, status.st_size)
    return RecordsFeed(values_of(blocks, form), bounds.chunk_bytes, close, below.tell, status.st_size)


def _waited_for(file: Any, below: IO[bytes], form: Format) -> Generator[list[bytes], None, None]:
    """What comes from a pipe, as it comes."""
    with below, closing(file):
        for values, _ in values_of(Blocks(getattr(file, "read1", file.read)), form):
            yield values


class _Own(Blocks):
    """The blocks of a file that is refused if it is not at all what its name says."""

    def __init__(self, read: Callable[[int], bytes], path: str) -> None:
        super().__init__(read)
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        if self.foreign:
            raise SourceError(f"{self._path}: {self.fault}")
