"""Moves the group's offsets: acknowledged prefixes of live lanes, and the end of what holds no records when a lane is empty."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import structlog

from worker.runtime.lane import Lane
from worker.runtime.membership import Membership
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, EpochOver, Unavailable

log = structlog.get_logger(__name__)
_COMMIT_SECONDS = 10.0
_IDLE_SECONDS = 3.0


class Committer:
    """The only caller of the client's commit."""

    def __init__(self, consumer: Consumer, counters: Counters, lanes: Callable[[], Collection[Lane]], membership: Membership) -> None:
        self._consumer, self._counters, self._lanes, self._membership = consumer, counters, lanes, membership
        self._one_at_a_time = asyncio.Lock()
        self._idle_at = 0.0

    async def tick(self) -> None:
        """One commit interval."""
        if time.monotonic() - self._idle_at > _IDLE_SECONDS:
            self._idle_at = time.monotonic()
            for lane in list(self._lanes()):
                await self._pass_markers(lane)
        await self.commit(self._lanes())

    async def commit(self, lanes: Collection[Lane]) -> None:
        """Commit what of these lanes is acknowledged and not yet committed; failures are counted and tried at the next tick.

        In doubt what is committed is committed again: that the group takes it proves that we are in it.
        """
        async with self._one_at_a_time:
            doubt = not self._membership.sure
            todo = {lane: lane.acked for lane in lanes if not lane.closed and lane.acked >= 0 and (doubt or lane.acked != lane.committed)}
            if not todo:
                return
            started = time.monotonic()
            try:
                await asyncio.wait_for(self._consumer.commit({lane.partition: offset for lane, offset in todo.items()}), _COMMIT_SECONDS)
            except EpochOver as error:
                self._counters.commits["stale"] += 1
                log.info("commit came after a rebalance; the offsets belong to the next owner", error=str(error))
            except (TimeoutError, Unavailable) as error:
                self._counters.commits["failed"] += 1
                log.warning("commit failed, tried again", error=repr(error))
            else:
                self._counters.commits["ok"] += 1
                for lane, offset in todo.items():
                    lane.committed = offset
                if doubt:  # and not only since: this commit was sent after the gap
                    self._membership.proven()
            self._counters.commit_duration.observe(time.monotonic() - started)
            self._counters.loop_seconds["commit"] += time.monotonic() - started

    async def _pass_markers(self, lane: Lane) -> None:
        """An empty lane may pass transaction markers and compacted holes, so that its lag reads 0."""
        if lane.phase != "running" or lane.in_flight or lane.reasons:
            return
        before = lane.position
        try:
            position = await asyncio.wait_for(self._consumer.position(lane.partition), 1.0)
        except Exception as error:  # noqa: BLE001 - the client raises what it pleases while the partition moves; asked again later
            log.debug("no position yet", partition=str(lane), error=repr(error))
            return
        if lane.phase == "running" and not lane.in_flight and lane.position == before and position > lane.acked:
            lane.acked = lane.position = position
