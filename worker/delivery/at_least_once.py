"""At least once: one idempotent producer for all lanes, replaced when a batch fails; each lane redoes its own unacknowledged parts.

A failed batch burns its sequence number, so its producer cannot be trusted with that partition again. Parts stay in memory
until they are acknowledged (the in-flight bound holds for them), so going back means sending again, not reading again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from worker.delivery.backoff import Backoff
from worker.delivery.group_offsets import GroupOffsets
from worker.delivery.isolation import Isolation
from worker.delivery.routing import Part, Router, Target
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Factory, Misrouted, Outgoing, Producer, Refused, Unavailable, Undelivered

log = structlog.get_logger(__name__)
_RETIRE_SECONDS = 30.0


async def _nothing() -> None:
    """Topics that never change."""


class AtLeastOnce:
    """See `Guarantee`."""

    name = "at_least_once"

    def __init__(self, offsets: GroupOffsets, shared: Factory, isolated: Factory, router: Callable[[], Router], counters: Counters,
                 backoff: Callable[[], Backoff], look_again: Callable[[], Awaitable[None]] = _nothing) -> None:
        self._make_shared, self._make_isolated, self._look_again = shared, isolated, look_again
        self.open, self.tick, self.commit = offsets.committed, offsets.commit, offsets.commit
        self._router, self._counters, self._backoff = router, counters, backoff
        self._producer: Producer | None = None
        self.version = 0
        self._replacing = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._isolations: dict[Lane, Isolation] = {}

    async def send(self, lane: Lane, part: Part) -> None:
        """Queue a part's batches; trouble is left on the lane."""
        lane.pending.append(part)
        if lane in self._isolations:
            await self._alone(lane)
            return
        try:
            await self._queue(lane, part)
        except (Undelivered, Refused, Unavailable) as error:
            lane.fail(error)

    async def _queue(self, lane: Lane, part: Part) -> None:
        producer = await self._current(lane)
        todo = [t for t in part.groups if t not in part.delivered]
        part.left = len(todo)
        if not todo:
            lane.settle()
            return
        for target in todo:
            if not await lane.may_send():
                return
            await producer.send(*target, part.groups[target], partial(self._acknowledged, lane, part, target, lane.attempt))

    async def _current(self, lane: Lane) -> Producer:
        """The shared producer; a lane moves to a newer one only when nothing of it is under way on the older one."""
        if self._producer is None:
            await self._replace(0, lane)
        if lane.version != self.version:
            await lane.until(lambda: lane.trouble is not None or lane.closed or all(p.left <= 0 for p in lane.pending))
            if lane.trouble or lane.closed:
                raise Undelivered("the lane's earlier batches failed")
            lane.version = self.version
        assert self._producer is not None
        return self._producer

    def _acknowledged(self, lane: Lane, part: Part, target: Target, attempt: int, error: Exception | None) -> None:
        if attempt != lane.attempt or lane.closed:
            return
        if error is not None:
            lane.fail(error)
            return
        part.delivered.add(target)
        self._count(target, part.groups[target])
        part.left -= 1
        if not part.left:
            lane.settle()

    def _count(self, target: Target, records: Sequence[Outgoing]) -> None:
        self._counters.produced[target[0]] += len(records)
        if target[0] == self._router().dead.facts.name:
            self._counters.dead_letters.update(r[5] for r in records if r[5])

    async def recover(self, lane: Lane) -> None:
        """A new producer, then the lane's unacknowledged parts again, in order."""
        error = lane.take_trouble()
        log.warning("delivery failed, sending again", partition=str(lane), error=str(error))
        try:
            if isinstance(error, Refused):
                await self._isolate(lane, error)
            else:
                await self._wait(lane, error)
        except Unavailable:
            return  # the lane was closed while no broker answered
        lane.version = self.version
        if lane in self._isolations:
            await self._alone(lane)
            return
        try:
            for part in list(lane.pending):
                await self._queue(lane, part)
        except (Undelivered, Refused, Unavailable) as again:
            lane.fail(again)

    async def _wait(self, lane: Lane, error: Exception) -> None:
        """Back off with the lane paused, and see that a newer producer than the failed one is there: the lane's own, if it has one."""
        if isinstance(error, Misrouted):
            log.error("topic unknown or forbidden: the lane waits for it", partition=str(lane), error=str(error))
        self._counters.produce_retries += 1
        lane.pause("retry")
        isolation = self._isolations.get(lane)
        if isolation is None:
            await self._replace(lane.version, lane)
        else:
            old, isolation.producer = isolation.producer, await self._start(self._make_isolated, lane)
            self._retire(old)
        await lane.sleep(lane.backoff.next())

    async def _replace(self, version: int, lane: Lane, look_again: bool = False) -> None:
        """A new shared producer, unless somebody made one since `version`.

        Maybe a topic takes less than it did: after a look at what it takes now, the new producer's batches fit.
        """
        async with self._replacing:
            if self._producer is not None and self.version != version:
                return
            if look_again:
                await self._look_again()
            old, self._producer = self._producer, await self._start(self._make_shared, lane)
            self.version += 1
            if old is not None:
                self._counters.producer_recreated += 1
                self._retire(old)

    async def _start(self, factory: Factory, lane: Lane) -> Producer:
        backoff = self._backoff()
        while not lane.closed:
            try:
                return await factory()
            except Unavailable as error:
                wait = backoff.next()
                log.warning("no broker for a producer", error=str(error), wait_s=round(wait, 2))
                await lane.sleep(wait)
        raise Unavailable("the lane is closed")

    def _retire(self, producer: Producer) -> None:
        """Other lanes' batches under way on it may finish."""
        task = asyncio.create_task(producer.stop(_RETIRE_SECONDS))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _isolate(self, lane: Lane, error: Refused) -> None:
        if lane in self._isolations:
            self._isolations[lane].clean = 0
            return
        await self._replace(lane.version, lane, look_again="TooLarge" in str(error))
        self._isolations[lane] = Isolation(lane, await self._start(self._make_isolated, lane), self._router, self._counters, self._count)
        log.warning("the broker refused a batch: the lane sends one record a batch", partition=str(lane))

    async def _alone(self, lane: Lane) -> None:
        isolation = self._isolations[lane]
        await isolation.deliver()
        if isolation.over:
            del self._isolations[lane]
            await isolation.producer.stop()
            log.info("the lane is back on the shared producer", partition=str(lane))

    async def finish(self, lane: Lane) -> None:
        """Wait for the acknowledgements."""
        await lane.until(lambda: lane.trouble is not None or lane.closed or not lane.pending)

    async def close(self, lane: Lane) -> None:
        """Stop the lane's own producer, if it had one."""
        isolation = self._isolations.pop(lane, None)
        if isolation is not None:
            await isolation.producer.stop()

    async def stop(self) -> None:
        """Stop every producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
        isolations, self._isolations = self._isolations, {}
        await asyncio.gather(*(i.producer.stop() for i in isolations.values()))
        for task in list(self._retiring):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
