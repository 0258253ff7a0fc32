"""Where records come from: each feed gives a chunk when it is full, when it waited long enough, or at the end."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from fsm_core.errors import SourceError
from fsm_core.streams.formats import STANDARD, format_of, open_source, unknown
from fsm_core.streams.values import BLOCK, Blocks, Values, values_of


class Feed(Protocol):
    """A source of records. After `stop`, `take` gives what was read already, then nothing."""

    bytes_total: int | None

    @property
    def bytes_read(self) -> int | None: ...

    async def take(self, most: int) -> list[Any]:
        """Up to `most` records, in order; empty at the end. Raises what the source raised, after its records."""
        ...

    def release(self, count: int) -> None:
        """So many records are written: the feed may read as many more."""

    def stop(self) -> None: ...

    async def close(self) -> None: ...

    def abandon(self) -> None:
        """Let go of the source at once: nothing was taken from it."""
        ...


class FileFeed:
    """A regular file, or a list: reading it never waits for anybody."""

    def __init__(self, values: Iterator[Values], close: Callable[[], None], position: Callable[[], int] | None,
                 total: int | None, most_bytes: int) -> None:
        self._values, self._close, self._position = values, close, position
        self._held: list[Any] = []
        self._at = 0
        self._most_bytes = most_bytes
        self._stopped = False
        self.bytes_total = total

    @property
    def bytes_read(self) -> int | None:
        return self._position() if self._position else None

    async def take(self, most: int) -> list[Any]:
        out: list[Any] = []
        size = 0
        while len(out) < most and size < self._most_bytes:
            if self._at == len(self._held):
                more = None if self._stopped else next(self._values, None)
                if more is None:
                    break
                self._held, taken = more
                self._at = 0
                size += taken
            piece = self._held[self._at:self._at + most - len(out)]
            self._at += len(piece)
            out = out + piece if out else piece
        return out

    def release(self, count: int) -> None:
        """Nothing is read ahead but one block."""

    def stop(self) -> None:
        self._stopped, self._held, self._at = True, [], 0  # a block read ahead is not in hand: nobody counted it

    def abandon(self) -> None:
        self._close()

    async def close(self) -> None:
        self._close()


class _Waiting:
    """What the feeds that wait for their source share: a bounded buffer and the rules of when a chunk is ready."""

    bytes_total: int | None = None
    bytes_read: int | None = None

    def __init__(self, most_unwritten: int, max_wait: float) -> None:
        self._room = most_unwritten
        self._max_wait = max_wait
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._buffer: list[Any] = []
        self._ended = False
        self._error: BaseException | None = None

    async def take(self, most: int) -> list[Any]:
        since: float | None = None
        while len(self._buffer) < most and not self._ended:
            if self._buffer and since is None:
                since = self._loop.time()
            left = None if since is None else since + self._max_wait - self._loop.time()
            if left is not None and left <= 0:
                break
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                break
        return self._pop(most)

    def _pop(self, most: int) -> list[Any]:
        out, self._buffer = self._buffer[:most], self._buffer[most:]
        if not out and self._error is not None:
            raise self._error
        return out


class AsyncFeed(_Waiting):
    """An async iterable, read by a task of its own, so that no wait of ours cancels its `__anext__`."""

    def __init__(self, source: AsyncIterable[Any], most_unwritten: int, max_wait: float) -> None:
        super().__init__(most_unwritten, max_wait)
        self._writable = asyncio.Event()
        self._source: AsyncIterator[Any] = aiter(source)
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for record in self._source:
                self._buffer.append(record)
                self._room -= 1
                self._news.set()
                while self._room <= 0:
                    self._writable.clear()
                    await self._writable.wait()
        except asyncio.CancelledError:
            if not self._ended:  # the source cancelled itself
                self._error = SourceError("the source was cancelled")
        except BaseException as error:  # noqa: BLE001 - goes to whoever takes the next chunk
            self._error = error
        self._ended = True
        self._news.set()

    def release(self, count: int) -> None:
        self._room += count
        self._writable.set()

    def stop(self) -> None:
        self._ended = True
        self._task.cancel()
        self._news.set()

    def abandon(self) -> None:
        self.stop()

    async def close(self) -> None:
        self.stop()
        await asyncio.wait([self._task])
        closing = getattr(self._source, "aclose", None)
        if closing is not None:
            await closing()


class ThreadFeed(_Waiting):
    """An iterable that may block, read in one thread of its own from its first record to its last."""

    def __init__(self, source: Iterable[list[Any]], most_unwritten: int, max_wait: float) -> None:
        super().__init__(most_unwritten, max_wait)
        self._source = source
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="fsm-source", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for records in self._source:
                for at in range(0, len(records), BLOCK):
                    self._put(records[at:at + BLOCK])
                if self._ended:
                    break
        except BaseException as error:  # noqa: BLE001 - goes to whoever takes the next chunk
            self._error = error
        self._ended = True
        self._tell()

    def _put(self, records: list[Any]) -> None:
        while records and not self._ended:
            with self._turn:
                self._turn.wait_for(lambda: self._room > 0 or self._ended)
                if self._stopped():
                    return
                part, records = records[:self._room], records[self._room:]
                self._room -= len(part)
                self._buffer.extend(part)
            self._tell()

    def _stopped(self) -> bool:
        return self._ended  # another thread may have set it while this one waited

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._ended = True

    def _pop(self, most: int) -> list[Any]:
        with self._turn:
            return super()._pop(most)

    def release(self, count: int) -> None:
        with self._turn:
            self._room += count
            self._turn.notify()

    def stop(self) -> None:
        with self._turn:
            self._ended = True
            self._turn.notify()
        self._news.set()

    def abandon(self) -> None:
        self.stop()

    async def close(self) -> None:
        self.stop()


def _listed(records: Iterable[Any]) -> Iterator[Values]:
    pending = iter(records)
    while part := list(islice(pending, 1000)):
        yield part, 0


def feed_of(source: Any, input_format: str, most_unwritten: int, max_wait: float, most_bytes: int) -> Feed:
    """The feed for what the caller gave as a source."""
    if isinstance(source, (str, os.PathLike)):
        return _file_feed(os.fspath(source), input_format, most_unwritten, max_wait, most_bytes)
    if isinstance(source, AsyncIterable):
        return AsyncFeed(source, most_unwritten, max_wait)
    if isinstance(source, (list, tuple)):
        return FileFeed(_listed(source), lambda: None, None, None, most_bytes)
    if isinstance(source, Iterable) and not isinstance(source, (bytes, dict)):
        return ThreadFeed(([record] for record in source), most_unwritten, max_wait)
    raise SourceError(f"a source is a path or an iterable of records, not {type(source).__name__}")


def _file_feed(path: str, input_format: str, most_unwritten: int, max_wait: float, most_bytes: int) -> Feed:
    form = format_of(path, input_format)
    if form is None:
        raise SourceError(unknown(path, input_format))
    file, below = open_source(path, form)
    status = os.fstat(below.fileno()) if path != STANDARD else None
    if status is None or not stat.S_ISREG(status.st_mode):
        read = getattr(file, "read1", file.read)
        return ThreadFeed((values for values, _ in values_of(Blocks(read), form)), most_unwritten, max_wait)
    blocks = Blocks(file.read1 if form.compression == "gz" else file.read)  # read would lose what came before a fault

    def close() -> None:
        file.close()
        below.close()

    def values() -> Iterator[Values]:
        for some in values_of(blocks, form):
            if blocks.foreign:
                raise SourceError(f"{path}: {blocks.fault}")
            yield some

    return FileFeed(values(), close, below.tell, status.st_size, most_bytes)
