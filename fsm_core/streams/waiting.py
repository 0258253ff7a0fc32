"""Feeds that wait for their source: a bounded buffer between whoever reads it and the stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Generator
from typing import Any, NamedTuple

from fsm_core.errors import SourceError
from fsm_core.streams.values import encoded


class Bounds(NamedTuple):
    """How much a stream may hold: records read and not written, seconds until an unfilled chunk goes out, bytes of a chunk."""

    unwritten: int
    max_wait: float
    chunk_bytes: int


class _Waiting:
    """What these feeds share: the buffer and the rules of when a chunk is ready."""

    bytes_total: int | None = None
    bytes_read: int | None = None

    def __init__(self, bounds: Bounds) -> None:
        self._room = bounds.unwritten
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._buffer: list[bytes] = []
        self._size = 0  # bytes in the buffer
        self._most = 1  # records that whoever takes waits for
        self._ended = False
        self._error: BaseException | None = None

    @property
    def _full(self) -> bool:
        return len(self._buffer) >= self._most or self._size >= self._bounds.chunk_bytes or self._ended

    def ready(self, most: int) -> list[bytes] | None:
        self._most = most
        return self._pop(most) if self._full else None

    async def take(self, most: int) -> list[bytes]:
        since: float | None = None
        self._most = most
        while True:
            self._news.clear()  # before the look: what comes after it sets it again
            if self._full:
                break
            if self._buffer and since is None:
                since = self._loop.time()
            left = None if since is None else since + self._bounds.max_wait - self._loop.time()
            if left is not None and left <= 0:
                break
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                break
        return self._pop(most)

    def _pop(self, most: int) -> list[bytes]:
        out = self._buffer[:most]
        size = sum(map(len, out))
        while len(out) > 1 and size > self._bounds.chunk_bytes:
            size -= len(out.pop())
        del self._buffer[:len(out)]
        self._size -= size
        if not out and self._error is not None:
            raise self._error
        return out


class AsyncFeed(_Waiting):
    """An async iterable, read by a task of its own, so that no wait of ours cancels its `__anext__`."""

    def __init__(self, source: AsyncIterable[Any], bounds: Bounds) -> None:
        super().__init__(bounds)
        self._writable = asyncio.Event()
        self._source: AsyncIterator[Any] = aiter(source)
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for record in self._source:
                value = encoded(record)  # now: the source may use the same object again
                self._buffer.append(value)
                self._size += len(value)
                self._room -= 1
                self._news.set()
                while self._room <= 0 or self._size >= self._bounds.chunk_bytes:
                    self._writable.clear()
                    await self._writable.wait()
        except asyncio.CancelledError:
            if not self._ended:  # the source cancelled itself
                self._error = SourceError("the source was cancelled")
        except BaseException as error:  # noqa: BLE001 - goes to whoever takes the next chunk
            self._error = error
        self._ended = True
        self._news.set()

    def _pop(self, most: int) -> list[bytes]:
        out = super()._pop(most)
        self._writable.set()
        return out

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

    def __init__(self, source: Generator[list[bytes], None, None], bounds: Bounds) -> None:
        super().__init__(bounds)
        self._source = source
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="fsm-source", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for records in self._source:
                self._put(records)
                if self._ended:
                    break
        except BaseException as error:  # noqa: BLE001 - goes to whoever takes the next chunk
            self._error = error
        self._source.close()
        self._ended = True
        self._tell()

    def _put(self, records: list[bytes]) -> None:
        at = 0
        while at < len(records) and not self._ended:
            with self._turn:
                self._turn.wait_for(lambda: self._ended or (self._room > 0 and self._size < self._bounds.chunk_bytes))
                if self._stopped():
                    return
                first = not self._buffer
                at = self._add(records, at)
                tell = first or self._full
            if tell:
                self._tell()

    def _add(self, records: list[bytes], at: int) -> int:
        """Put as many as there is room for into the buffer; the index of the next one."""
        part = records[at:at + self._room]
        size = sum(map(len, part))
        while len(part) > 1 and size > self._bounds.chunk_bytes:
            size -= len(part.pop())
        self._buffer += part
        self._size += size
        self._room -= len(part)
        return at + len(part)

    def _stopped(self) -> bool:
        return self._ended  # another thread may have set it while this one waited

    def _tell(self) -> None:
        if self._news.is_set():
            return
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._ended = True

    def _pop(self, most: int) -> list[bytes]:
        with self._turn:
            self._turn.notify()
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
