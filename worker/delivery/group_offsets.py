"""At least once: the group's offsets, moved by plain commits of what is acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

import structlog

from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, EpochOver, Unavailable

log = structlog.get_logger(__name__)
_COMMIT_SECONDS = 10.0


class GroupOffsets:
    """The only caller of the client's commit."""

    def __init__(self, consumer: Consumer, counters: Counters) -> None:
        self._consumer, self._counters = consumer, counters
        self._one_at_a_time = asyncio.Lock()

    async def committed(self, lane: Lane) -> int | None:
        """The lane's certain committed offset."""
        return (await self._consumer.committed([lane.partition]))[lane.partition]

    async def commit(self, lanes: Collection[Lane]) -> None:
        """Commit what of these lanes is acknowledged and not yet committed; failures are counted and tried at the next tick.

        In doubt what is committed is committed again: that the group takes it proves that we are in it.
        """
        async with self._one_at_a_time:
            doubtful = [lane.membership for lane in lanes if lane.membership is not None and not lane.membership.sure]
            todo = {lane: lane.acked for lane in lanes if not lane.closed and lane.acked >= 0 and (doubtful or lane.acked != lane.committed)}
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
                for membership in doubtful:  # and not only since: this commit was sent after the gap
                    membership.proven()
            self._counters.commit_duration.observe(time.monotonic() - started)
            self._counters.loop_seconds["commit"] += time.monotonic() - started
