"""The run of a stream: read a chunk, run it, write it, count it, say so."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from fsm_core.streams.config import CoreStreamConfig
from fsm_core.streams.feeds import Feed
from fsm_core.streams.lines import Chunk
from fsm_core.streams.memory import MemoryLimit
from fsm_core.streams.parallel import Pool
from fsm_core.streams.process import Done, Job
from fsm_core.streams.progress import Progress, Tally
from fsm_core.streams.writing import Writer

_TURN = 0.02
"""Seconds after which the loop gets a turn, so that a cancellation or a signal is heard."""


class Pipeline:
    """One stream. `stop` ends it after what was read: that is run, written and counted."""

    def __init__(self, feed: Feed, job: Job, pool: Pool | None, writer: Writer, config: CoreStreamConfig,
                 memory: MemoryLimit, on_progress: Callable[[Progress], Any] | None) -> None:
        self._feed, self._job, self._pool, self._writer, self._config = feed, job, pool, writer, config
        self._on_progress = on_progress
        self._memory = memory
        self._sent: deque[asyncio.Future[Done]] = deque()  # in the order of the source
        self._turned = time.monotonic()
        self.tally = Tally()

    def stop(self) -> None:
        """Read no more."""
        self._feed.stop()

    async def run(self) -> None:
        """Run to the end of the source, or until stopped; what was read is written before anything is raised."""
        try:
            if self._pool is None:
                await self._one_by_one()
            else:
                await self._several(self._pool)
        finally:
            for sent in self._sent:
                sent.cancel()
            if self._pool is not None:
                await self._pool.close()
            await self._feed.close()
            await self._writer.close()

    async def _one_by_one(self) -> None:
        while chunk := await self._take_next():
            await self._finish(await self._job.run_async(chunk) if self._job.is_async else self._job.run(chunk))
            await self._relieve()
            await self._turn()

    async def _take_next(self) -> Chunk:
        chunk = self._feed.ready(self._memory.chunk)
        return await self._feed.take(self._memory.chunk) if chunk is None else chunk

    async def _several(self, pool: Pool) -> None:
        """Keep the window full; write in the order of reading, and as soon as the oldest chunk is done."""
        taking: asyncio.Future[Chunk] | None = None
        ended = False
        try:
            while not ended or self._sent:
                pool.collect()
                if self._sent and self._sent[0].done():
                    await self._write_oldest()
                    continue
                if taking is None and not ended and len(self._sent) < self._config.window:
                    taking = self._begin_taking()
                if taking is None or not taking.done() or (taking.exception() and self._sent):
                    await self._news(taking)
                else:
                    ended = not (chunk := taking.result())
                    taking = None
                    if not ended:
                        self._sent.append(pool.start(chunk))
                await self._turn()
        finally:
            if taking is not None:
                taking.cancel()

    def _begin_taking(self) -> asyncio.Future[Chunk]:
        """What the feed has at hand, else a task that waits for it."""
        taking: asyncio.Future[Chunk] = asyncio.get_running_loop().create_future()
        try:
            chunk = self._feed.ready(self._memory.chunk)
        except Exception as error:  # noqa: BLE001 - raised once what came before is written
            taking.set_exception(error)
            return taking
        if chunk is None:
            return asyncio.create_task(self._feed.take(self._memory.chunk))
        taking.set_result(chunk)
        return taking

    async def _news(self, taking: asyncio.Future[Chunk] | None) -> None:
        waits: set[asyncio.Future[Any]] = set(islice(self._sent, 1))
        if taking is not None and not (taking.done() and waits):  # a source that raised waits for what it gave before
            waits.add(taking)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)

    async def _turn(self) -> None:
        if (now := time.monotonic()) - self._turned > _TURN:
            self._turned = now
            await asyncio.sleep(0)

    async def _write_oldest(self) -> None:
        await self._finish(self._sent.popleft().result())
        await self._relieve()

    async def _finish(self, done: Done) -> None:
        if not done.count:  # nothing but blank lines
            return
        await self._writer.write(done, self.tally.records)
        self.tally.add(done, self.tally.records)
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
            await self._finish(await self._sent.popleft())
        self._memory.relieve()
