"""The run of a stream: read a chunk, run it, write it, count it, say so."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fsm_core.streams.config import CoreStreamConfig
from fsm_core.streams.feeds import Feed
from fsm_core.streams.memory import MemoryLimit
from fsm_core.streams.process import Done
from fsm_core.streams.progress import Progress, Tally
from fsm_core.streams.writing import Writer

_TURN = 0.02
"""Seconds after which the loop gets a turn, so that a cancellation or a signal is heard."""


class Runner(Protocol):
    """Where chunks are run."""

    async def run(self, items: list[Any]) -> Done: ...

    async def close(self) -> None: ...


class _Sent(NamedTuple):
    first: int
    done: asyncio.Task[Done]


class Pipeline:
    """One stream. `stop` ends it after what was read: that is run, written and counted."""

    def __init__(self, feed: Feed, runner: Runner, writer: Writer, config: CoreStreamConfig,
                 memory: MemoryLimit, on_progress: Callable[[Progress], Any] | None) -> None:
        self._feed, self._runner, self._writer, self._config = feed, runner, writer, config
        self._on_progress = on_progress
        self._memory = memory
        self._sent: deque[_Sent] = deque()
        self._read = 0
        self.tally = Tally()

    def stop(self) -> None:
        """Read no more."""
        self._feed.stop()

    async def run(self) -> None:
        """Run to the end of the source, or until stopped; what was read is written before anything is raised."""
        try:
            if self._config.parallelism == 1:
                await self._one_by_one()
            else:
                await self._several()
        finally:
            for sent in self._sent:
                sent.done.cancel()
            await self._runner.close()
            await self._feed.close()
            await self._writer.close()

    async def _one_by_one(self) -> None:
        turn = time.monotonic()
        while items := await self._feed.take(self._memory.chunk):
            await self._finish(await self._runner.run(items), self._read)
            self._read += len(items)
            await self._relieve()
            if (now := time.monotonic()) - turn > _TURN:
                turn = now
                await asyncio.sleep(0)

    async def _several(self) -> None:
        """Keep the window full; write in the order of reading, and as soon as the oldest chunk is done."""
        taking: asyncio.Task[list[Any]] | None = None
        ended = False
        try:
            while not ended or self._sent:
                if taking is None and not ended and len(self._sent) < self._config.window:
                    taking = asyncio.create_task(self._feed.take(self._memory.chunk))
                await self._news(taking)
                if self._sent and self._sent[0].done.done():
                    await self._write_oldest()
                if taking is not None and taking.done() and not (taking.exception() and self._sent):
                    items, taking = taking.result(), None
                    ended = not items
                    self._send(items)
        finally:
            if taking is not None:
                taking.cancel()

    async def _news(self, taking: asyncio.Task[list[Any]] | None) -> None:
        waits: set[asyncio.Task[Any]] = {self._sent[0].done} if self._sent else set()
        if taking is not None and not (taking.done() and waits):  # a source that raised waits for what it gave before
            waits.add(taking)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)

    def _send(self, items: list[Any]) -> None:
        if items:
            task = asyncio.create_task(self._runner.run(items))
            self._sent.append(_Sent(self._read, task))
            self._read += len(items)

    async def _write_oldest(self) -> None:
        sent = self._sent.popleft()
        await self._finish(sent.done.result(), sent.first)
        await self._relieve()

    async def _finish(self, done: Done, first: int) -> None:
        await self._writer.write(done, first)
        self.tally.add(done, first)
        self._feed.release(done.count)
        if self._on_progress is not None:
            given = self._on_progress(self.tally.progress(self._feed.bytes_read, self._feed.bytes_total))
            if inspect.isawaitable(given):
                await given

    async def _relieve(self) -> None:
        if self._config.memory_limit_mb is None:
            return
        if not self._memory.exceeded:
            self._memory.ease()
            return
        while self._sent:
            sent = self._sent.popleft()
            await self._finish(await sent.done, sent.first)
        self._memory.relieve()
