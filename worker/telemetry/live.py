"""What the page shows beyond /status: rates of states and arcs, failures by state, limits, and the last minutes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worker.runtime.observation import WorkerView
from worker.telemetry.snapshot import Rates, totals_of

HISTORY_S = 300.0
SPACING_S = 0.5


@dataclass(frozen=True, slots=True)
class InFlightLimits:
    """When a partition pauses: either is reached; and the share of them at which it goes on."""

    records: int
    bytes: int
    resume_ratio: float


class Live:
    """Sampled once a second by the events' ticker."""

    def __init__(self, view: WorkerView, limits: InFlightLimits, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._view = view
        self._limits = limits
        self._clock, self._wall = clock, wall
        self._totals, self._states, self._failures = Rates[str](), Rates[str](), Rates[str]()
        self._arcs = Rates[tuple[str, str]]()
        self._history: deque[dict[str, float]] = deque()
        self._begun = False

    def tick(self) -> dict[str, Any]:
        """Take a sample, and say what changes every second: rates are per second, over ten seconds."""
        view, now = self._view, self._clock()
        counters = view.counters
        states = self._states.sample(counters.states, now)
        failures = self._failures.sample(counters.failures, now)
        arcs = self._arcs.sample(counters.arcs, now)
        return {
            "unready": view.unready,
            "breaker": view.breaker,
            "states": states,
            "arcs": [{"from": source, "to": target, "rate": rate} for (source, target), rate in arcs.items()],
            "failures": {name: {"count": counters.failures[name], "rate": rate} for name, rate in failures.items()},
            "sample": self._remember(now, self._wall()),
        }

    def background(self) -> dict[str, Any]:
        """What a page needs once: the limits, and the samples of the last minutes, oldest first."""
        limits = self._limits
        return {
            "limits": {"records": limits.records, "bytes": limits.bytes, "resume_ratio": limits.resume_ratio},
            "history": list(self._history),
        }

    def _remember(self, now: float, wall: float) -> dict[str, float] | None:
        """The sample of this second; None at first, when there is no rate yet."""
        history = self._history
        if history and 0 <= wall - history[-1]["t"] < SPACING_S:
            return history[-1]
        rates = self._totals.sample(totals_of(self._view.counters), now)
        if not self._begun:
            self._begun = True
            return None
        lag = sum(max(0, lane.lag) for lane in self._view.partitions())
        history.append({"t": round(wall, 1), **rates, "lag": lag})
        while history[0]["t"] < wall - HISTORY_S:
            history.popleft()
        return history[-1]
