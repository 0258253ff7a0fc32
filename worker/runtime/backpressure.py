"""When a lane is full and when it may go on: records and bytes of the partition, bytes of the member, with hysteresis."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

REASON = "backpressure"


@dataclass(slots=True)
class Limits:
    """Bounds of interface.md `backpressure`; `total_bytes` is what all lanes of the member hold now.

    A lane is full when another fetch of `fetch` records might pass its bound. Bytes are known only afterwards: theirs may be passed
    by the one fetch in hand.
    """

    records: int
    bytes: int
    resume_ratio: float
    most_total_bytes: int
    fetch: int = 1
    total_bytes: int = 0
    largest: int = 0
    """Bytes of the largest fetch so far."""
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a lane may take records again."""

    def full(self, lane: Any) -> bool:
        """Pause at the high mark."""
        return lane.in_flight + self.fetch > self.records or lane.in_flight_bytes >= self.bytes or self.crowded

    def low(self, lane: Any) -> bool:
        """Resume at the low mark."""
        ratio = self.resume_ratio
        return (lane.in_flight <= min(self.records * ratio, self.records - self.fetch) and lane.in_flight_bytes <= self.bytes * ratio
                and (self.total_bytes <= self.most_total_bytes * ratio or not lane.in_flight))

    @property
    def crowded(self) -> bool:
        """Another fetch might pass the member's bound."""
        return self.total_bytes + self.largest > self.most_total_bytes


class Crowd:
    """While the member's bytes are at their bound a lane that holds something waits until it has room of its own.

    Those that hold nothing are served by one fetch, and then wait until what it brought is done: no lane starves because of
    others, and the bound is passed by one fetch. What is held up by trouble is not waited for.
    """

    def __init__(self, limits: Limits, lanes: dict[Any, Any]) -> None:
        self._limits, self._lanes = limits, lanes
        self._waiting: set[Any] = set()
        self._served: set[Any] = set()

    def sort_out(self) -> None:
        """Before a fetch: pause or resume lanes for the member's sake."""
        if not (self._waiting or self._limits.crowded):
            return
        self._served = {lane for lane in self._served if lane.in_flight and not lane.closed and lane.reasons <= {REASON}}
        if not self._limits.crowded or not self._served:
            waiting, self._waiting = self._waiting, set()
            for lane in waiting:
                lane.resume(REASON)
        if self._limits.crowded:
            for lane in self._lanes.values():
                if lane.ready and (lane.in_flight or self._served):
                    lane.pause(REASON)
                    if not lane.in_flight:
                        self._waiting.add(lane)

    def took(self, lanes: Collection[Any], size: int) -> None:
        """After a fetch: who got something of it, and how much it was."""
        self._limits.largest = max(self._limits.largest, size)
        if self._limits.crowded:
            self._served.update(lanes)
