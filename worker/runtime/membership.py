"""Doubt after a long stop: a process that stood still may be out of its group, and its partitions somebody else's.

Nobody can fence an at-least-once producer, so what a member sends with an assignment of the past is there twice. After a gap
nothing is sent until the group is heard to hold this member still, or has given it partitions anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from worker.runtime.lane import Lane

log = structlog.get_logger(__name__)
REASON = "membership"


class Membership:
    """`sure` is False from a gap of half a session on (the last heartbeat is older than the gap) until `proven`."""

    def __init__(self, session_seconds: float, lanes: Callable[[], Collection[Lane]], clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._lanes, self._clock = session_seconds / 2, lanes, clock
        self._beat = clock()
        self.sure = True

    def pulse(self) -> None:
        """The loop turns: called twice a second, and before anything is sent, as a stopped process may wake up anywhere."""
        now = self._clock()
        gap, self._beat = now - self._beat, now
        if gap > self._limit and self._lanes():
            self.sure = False
            log.warning("the process stood still: nothing is sent until the group is heard to hold it still", seconds=round(gap, 1))
            for lane in self._lanes():
                lane.pause(REASON)
                lane.wake()

    def proven(self) -> None:
        """The group holds this member: it took a commit of its generation, or gave it partitions."""
        if not self.sure:
            self.sure = True
            log.info("still in the group")
            for lane in self._lanes():
                lane.resume(REASON)
                lane.wake()
