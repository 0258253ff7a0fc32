"""Notices lanes that stand still although there is something to read: the client's fetch may have died without a word."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import structlog

from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer

log = structlog.get_logger(__name__)
STALL_SECONDS = 60.0


class Watchdog:
    """A stalled lane is counted, logged and told to read again from its own position; nothing is lost or read twice by that."""

    def __init__(self, consumer: Consumer, counters: Counters, lanes: Callable[[], Collection[Lane]], clock: Callable[[], float] = time.monotonic) -> None:
        self._consumer, self._counters, self._lanes, self._clock = consumer, counters, lanes, clock
        self._seen: dict[Lane, tuple[int, float]] = {}  # position, and since when

    def tick(self) -> None:
        """Look at every lane; cheap enough for each commit interval."""
        now, before = self._clock(), self._seen
        self._seen = {}
        for lane in self._lanes():
            position, since = before.get(lane, (lane.position, now))
            if not lane.ready or position != lane.position or self._consumer.high_watermark(lane.partition) <= lane.position:
                since = now
            elif now - since >= STALL_SECONDS:
                since = now
                self._read_again(lane)
            self._seen[lane] = (lane.position, since)

    def _read_again(self, lane: Lane) -> None:
        self._counters.stalls[lane.partition.topic] += 1
        log.error("no progress although there are records: reading again", partition=str(lane), position=lane.position, seconds=STALL_SECONDS)
        if lane.partition in self._consumer.assignment():
            self._consumer.seek(lane.partition, lane.position)
