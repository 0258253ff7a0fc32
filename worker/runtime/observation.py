"""What the runtime counts, as plain integers that the hot path adds to once a chunk, and the views that others read.

The runtime writes; telemetry, http and the commands only read. Nothing here knows Prometheus or HTTP.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.runtime.backpressure import Limits


class Histogram:
    """Counts by upper bound (the last slot is +Inf), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value`, `times` times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
RECORDS = (1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000)


@dataclass(slots=True)
class Counters:
    """Everything that only grows, for one member's life."""

    consumed: Counter[tuple[str, int]] = field(default_factory=Counter)       # (topic, partition) -> records
    consumed_bytes: Counter[str] = field(default_factory=Counter)             # topic -> bytes
    processed: Counter[str] = field(default_factory=Counter)                  # output|error|drop|tombstone|failed -> records
    produced: Counter[str] = field(default_factory=Counter)                   # topic -> acknowledged records (dead letters too)
    dead_letters: Counter[str] = field(default_factory=Counter)               # reason -> acknowledged dead letters
    dead_letter_publish_failures: int = 0
    loop_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # fetch|machine|produce|ack|commit|paused|idle -> s
    commits: Counter[str] = field(default_factory=Counter)                    # ok|failed|stale
    rebalances: Counter[str] = field(default_factory=Counter)                 # assigned|revoked|lost
    pauses: Counter[str] = field(default_factory=Counter)                     # reason
    reloads: Counter[str] = field(default_factory=Counter)                    # ok|failed
    transactions: Counter[str] = field(default_factory=Counter)               # committed|aborted
    stalls: Counter[str] = field(default_factory=Counter)                     # topic
    states: Counter[str] = field(default_factory=Counter)                     # state -> records that entered it
    arcs: Counter[tuple[str, str]] = field(default_factory=Counter)           # (from, to) -> records
    failures: Counter[str] = field(default_factory=Counter)                   # state -> records that failed in it
    timestamps_replaced: int = 0
    produce_retries: int = 0
    producer_recreated: int = 0
    chunk_records: Histogram = field(default_factory=lambda: Histogram(RECORDS))
    chunk_duration: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    end_to_end: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    commit_duration: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    rebalance_duration: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    last_errors: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=20))  # time, reason, state, message, topic, partition, offset


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One lane as others see it. Offsets are the next to read; `end` is the high watermark last seen; -1 is unknown."""

    topic: str
    partition: int
    phase: str
    position: int
    committed: int
    end: int
    lag: int
    lag_seconds: float
    in_flight: int
    in_flight_bytes: int
    oldest_in_flight_s: float
    paused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MachineView:
    """Which machine runs. `graph` is {"states": [{name, is_start, is_end, outcome}], "arcs": [{from, to, label}]}."""

    name: str
    version: str
    digest: str
    loaded_at: float
    graph: dict[str, Any]


class WorkerView(Protocol):
    """What telemetry, http and commands may ask a running member. Every call is cheap and never awaits.

    state: starting | running | paused | draining | halted | stopped. `heartbeat` is the loop's own progress in
    `time.monotonic` seconds. `unready` says why `/readyz` is false, None when ready.
    """

    name: str
    guarantee: str
    started_at: float
    counters: Counters

    @property
    def state(self) -> str: ...
    @property
    def heartbeat(self) -> float: ...
    @property
    def unready(self) -> str | None: ...
    @property
    def breaker(self) -> str: ...  # closed | half_open | open
    @property
    def limits(self) -> Limits: ...  # backpressure, as configured
    @property
    def machine(self) -> MachineView: ...
    def partitions(self) -> list[PartitionView]: ...
