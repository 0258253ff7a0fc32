"""The only caller of the client's fetch: asks for ready lanes only, and gives each its records in order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from worker.runtime.backpressure import Crowd, Limits
from worker.runtime.lane import Lane, size_of_records
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, OffsetOutOfRange, Partition

log = structlog.get_logger(__name__)
_IDLE_SECONDS = 0.2


class Reader:
    """Runs as one task that is never cancelled: the client's fetch does not survive it."""

    def __init__(self, consumer: Consumer, lanes: dict[Partition, Lane], counters: Counters, limits: Limits, most: int,
                 lost: Callable[[Lane], Awaitable[None]]) -> None:
        self._consumer, self._lanes, self._counters, self._limits, self._most, self._lost = consumer, lanes, counters, limits, most, lost
        self._crowd = Crowd(limits, lanes)
        self.stopping = False
        self.heartbeat = time.monotonic()

    async def run(self) -> None:
        """Turn until told to stop."""
        while not self.stopping:
            self.heartbeat = time.monotonic()
            try:
                try:
                    await self._turn()
                except OffsetOutOfRange as error:
                    await self._reset(error)
            except Exception as error:  # noqa: BLE001 - the client raises what it pleases; nothing is lost by reading again
                log.warning("fetch failed, reading again from each lane's own position", error=repr(error))
                self._rewind()
                await asyncio.sleep(_IDLE_SECONDS)

    async def _turn(self) -> None:
        started = time.monotonic()
        ready = await self._ready()
        # with no lane ready all partitions are paused for real; asking keeps this member in the group
        fetched = await self._consumer.fetch(ready, self._most, _IDLE_SECONDS)
        taken, before = time.monotonic(), self._limits.total_bytes
        given = [lane for partition, records in fetched.items() if (lane := self._give(Partition(*partition), records))]
        if given:
            self._crowd.took(given, self._limits.total_bytes - before)
        self._counters.loop_seconds["fetch" if fetched else "idle" if ready else "paused"] += taken - started
        await asyncio.sleep(0)

    async def _ready(self) -> list[Partition]:
        """Lanes to fetch for; with none, waits a moment for room before it pauses them all for real."""
        self._limits.room.clear()
        self._crowd.sort_out()
        ready = [p for p, lane in self._lanes.items() if lane.ready]
        if ready or not self._lanes:
            return ready
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._limits.room.wait(), _IDLE_SECONDS)
        ready = [p for p, lane in self._lanes.items() if lane.ready]
        if not ready:  # also when room came and went again meanwhile: an empty choice asks for all that is not paused
            for lane in self._lanes.values():
                lane.harden()
        return ready

    def _give(self, partition: Partition, records: list[Any]) -> Lane | None:
        lane = self._lanes.get(partition)
        if lane is None or lane.phase != "running" or not records:
            return None  # not ours any more, or not positioned yet: its opening seeks
        size = size_of_records(records)
        lane.take(records, size)
        self._counters.consumed[partition] += len(records)
        self._counters.consumed_bytes[partition.topic] += size
        return lane

    def _rewind(self) -> None:
        if self.stopping:
            return  # the client may be gone
        assigned = self._consumer.assignment()
        for partition, lane in self._lanes.items():
            if lane.phase == "running" and partition in assigned:
                self._consumer.seek(partition, lane.position)

    async def _reset(self, error: OffsetOutOfRange) -> None:
        for partition in error.partitions:
            lane = self._lanes.get(partition)
            if lane is not None and lane.phase == "running":
                log.error("the offset to read from is not on the broker any more", partition=str(lane), offset=lane.position)
                await self._lost(lane)
