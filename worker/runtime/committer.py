"""When offsets move: at each commit interval, at a hand-over, and past what holds no records when a lane is empty."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import structlog

from worker.delivery.guarantee import Guarantee
from worker.runtime.lane import Lane
from worker.runtime.ports import Consumer

log = structlog.get_logger(__name__)
_IDLE_SECONDS = 3.0
_POSITION_SECONDS = 1.0


class Committer:
    """Says when; the guarantee knows how."""

    def __init__(self, consumer: Consumer, guarantee: Guarantee, lanes: Callable[[], Collection[Lane]]) -> None:
        self._consumer, self._guarantee, self._lanes = consumer, guarantee, lanes
        self._idle_at = 0.0

    async def tick(self) -> None:
        """One commit interval."""
        if time.monotonic() - self._idle_at > _IDLE_SECONDS:
            self._idle_at = time.monotonic()
            for lane in list(self._lanes()):
                await self._pass_markers(lane)
        await self._guarantee.tick(self._lanes())

    async def commit(self, lanes: Collection[Lane]) -> None:
        """What of these lanes can be committed, now."""
        await self._guarantee.commit(lanes)

    async def _pass_markers(self, lane: Lane) -> None:
        """An empty lane may pass transaction markers and compacted holes, so that its lag reads 0."""
        if lane.phase != "running" or lane.in_flight or lane.reasons:
            return
        before = lane.position
        try:
            position = await asyncio.wait_for(self._consumer.position(lane.partition), _POSITION_SECONDS)
        except Exception as error:  # noqa: BLE001 - the client raises what it pleases while the partition moves; asked again later
            log.debug("no position yet", partition=str(lane), error=repr(error))
            return
        if lane.phase == "running" and not lane.in_flight and lane.position == before and position > lane.acked:
            lane.acked = lane.position = position
