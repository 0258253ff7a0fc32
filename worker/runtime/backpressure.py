"""When a lane is full and when it may go on: records and bytes of the partition, bytes of the member, with hysteresis."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Limits:
    """Bounds of interface.md `backpressure`; `total_bytes` is what all lanes of the member hold now."""

    records: int
    bytes: int
    resume_ratio: float
    most_total_bytes: int
    total_bytes: int = 0
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a lane may take records again."""

    def full(self, lane: Any) -> bool:
        """Pause at the high mark."""
        return lane.in_flight >= self.records or lane.in_flight_bytes >= self.bytes or self.total_bytes >= self.most_total_bytes

    def low(self, lane: Any) -> bool:
        """Resume at the low mark."""
        ratio = self.resume_ratio
        return (lane.in_flight <= self.records * ratio and lane.in_flight_bytes <= self.bytes * ratio
                and (self.total_bytes <= self.most_total_bytes * ratio or not lane.in_flight))
