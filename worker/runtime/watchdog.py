"""Notices lanes that stand still although there is something to read: the client's fetch may have died without a word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer

log = structlog.get_logger(__name__)
STALL_SECONDS = 60.0
_ASK_SECONDS = 5.0


@dataclass(slots=True)
class _Seen:
    position: int
    answer: float
    since: float  # neither of the two moved
    still: float  # the position did not move
    deaf: int = 0


class Watchdog:
    """A stalled lane is counted, logged and told to read again from its own position; nothing is lost or read twice by that.

    A lane that no fetch is answered for is judged by the end that the broker tells. If it is deaf to records twice in a row the
    client's fetching is dead, which nothing but a new process mends: the member is stopped.
    """

    def __init__(self, consumer: Consumer, counters: Counters, lanes: Callable[[], Collection[Lane]], stop: Callable[[BaseException], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._consumer, self._counters, self._lanes, self._stop, self._clock = consumer, counters, lanes, stop, clock
        self._seen: dict[Lane, _Seen] = {}
        self._asking: asyncio.Task[None] | None = None

    def tick(self) -> None:
        """Look at every lane; cheap enough for each commit interval."""
        now, before = self._clock(), self._seen
        self._seen = {}
        deaf: list[Lane] = []
        for lane in self._lanes():
            answer = self._consumer.fetched_at(lane.partition)
            seen = self._seen[lane] = before.get(lane) or _Seen(lane.position, answer, now, now)
            if not lane.ready or seen.position != lane.position:
                seen.position, seen.answer, seen.since, seen.still, seen.deaf = lane.position, answer, now, now, 0
            elif seen.answer != answer:
                seen.answer, seen.since, seen.deaf = answer, now, 0
                if self._consumer.high_watermark(lane.partition) <= lane.position:
                    seen.still = now
            if now - seen.since >= STALL_SECONDS:
                seen.since = seen.still = now
                deaf.append(lane)
            elif now - seen.still >= STALL_SECONDS:
                seen.still = now
                self._read_again(lane)
        if deaf and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(deaf), name="watchdog")

    def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, lanes: Collection[Lane]) -> None:
        """What the broker has of lanes that hear nothing; a broker that does not answer is away, which others notice."""
        for lane in lanes:
            try:
                end = await asyncio.wait_for(self._consumer.bound(lane.partition, "latest"), _ASK_SECONDS)
            except Exception as error:  # noqa: BLE001 - the client raises what it pleases
                log.info("no end of a silent partition", partition=str(lane), error=repr(error))
                return
            seen = self._seen.get(lane)
            if seen is None or not lane.ready or seen.position != lane.position or end <= lane.position:
                continue
            seen.deaf += 1
            self._read_again(lane)
            if seen.deaf > 1:
                self._stop(RuntimeError(f"the client fetches no more: {lane} is at {lane.position}, the broker at {end}"))
                return

    def _read_again(self, lane: Lane) -> None:
        self._counters.stalls[lane.partition.topic] += 1
        log.error("no progress although there are records: reading again", partition=str(lane), position=lane.position, seconds=STALL_SECONDS)
        if lane.partition in self._consumer.assignment():
            self._consumer.seek(lane.partition, lane.position)
