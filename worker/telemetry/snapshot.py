"""The `/status` document, made from a worker's view."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

from worker.runtime.observation import Counters, PartitionView, WorkerView

WINDOW_S = 10.0
SPACING_S = 0.5
K = TypeVar("K", bound=Hashable)


class Rates(Generic[K]):
    """Events per second over a sliding window, from totals that are sampled whenever somebody asks.

    The window is `window` seconds, or the time since the last sample if nobody asked for longer than that.
    """

    def __init__(self, window: float = WINDOW_S) -> None:
        self._window = window
        self._samples: deque[tuple[float, dict[K, int]]] = deque()

    def sample(self, totals: Mapping[K, int], now: float) -> dict[K, float]:
        """Take a sample at `now` (monotonic seconds) and return the rate of each total; the first sample's are 0."""
        samples = self._samples
        while len(samples) > 1 and samples[1][0] <= now - self._window:
            samples.popleft()
        if not samples or now - samples[-1][0] >= SPACING_S:
            samples.append((now, dict(totals)))
        then, before = samples[0]
        elapsed = now - then
        if elapsed <= 0:
            return dict.fromkeys(totals, 0.0)
        return {name: round((total - before.get(name, 0)) / elapsed, 3) for name, total in totals.items()}


def status(view: WorkerView, rates: Rates[str] | None = None) -> dict[str, Any]:
    """What /status answers. Give the same `rates` each time; without it the rates are averages since the start."""
    counters = view.counters
    machine = view.machine
    uptime = max(0.0, time.time() - view.started_at)
    totals = totals_of(counters)
    return {
        "name": view.name,
        "state": view.state,
        "guarantee": view.guarantee,
        "machine": {"name": machine.name, "version": machine.version, "digest": machine.digest, "loaded_at": machine.loaded_at},
        "uptime_s": round(uptime, 3),
        "members": 1,
        "partitions": [_partition(lane) for lane in view.partitions()],
        "totals": totals,
        "rates": rates.sample(totals, time.monotonic()) if rates else _averages(totals, uptime),
        "states": dict(counters.states),
        "arcs": [{"from": source, "to": target, "count": count} for (source, target), count in counters.arcs.items()],
        "dead_letters": dict(counters.dead_letters),
        "last_errors": [{name: _plain(value) for name, value in error.items()} for error in counters.last_errors],
    }


def totals_of(counters: Counters) -> dict[str, int]:
    """The totals of /status."""
    return {
        "consumed": sum(counters.consumed.values()),
        "produced": sum(counters.produced.values()),
        "dead_lettered": sum(counters.dead_letters.values()),
        "dropped": counters.processed["drop"],
        "retried": counters.produce_retries,
    }


def _averages(totals: dict[str, int], uptime: float) -> dict[str, float]:
    return {name: round(total / uptime, 3) if uptime else 0.0 for name, total in totals.items()}


def _partition(lane: PartitionView) -> dict[str, Any]:
    return {
        "topic": lane.topic,
        "partition": lane.partition,
        "member": 0,
        "position": lane.position,
        "committed": lane.committed,
        "end": lane.end,
        "lag": lane.lag,
        "lag_seconds": _plain(lane.lag_seconds),
        "in_flight": lane.in_flight,
        "in_flight_bytes": lane.in_flight_bytes,
        "oldest_in_flight_s": _plain(lane.oldest_in_flight_s),
        "paused": list(lane.paused),
    }


def _plain(value: object) -> Any:
    """A value JSON can carry: error entries are made from records and may hold anything."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
