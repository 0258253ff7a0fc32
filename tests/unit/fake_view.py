"""A WorkerView whose every answer is a field, for the tests of telemetry and http."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from worker.runtime.backpressure import Limits
from worker.runtime.observation import Counters, MachineView, PartitionView

GRAPH: dict[str, Any] = {
    "states": [
        {"name": "intake", "is_start": True, "is_end": False, "outcome": None},
        {"name": "scored", "is_start": False, "is_end": False, "outcome": None},
        {"name": "review", "is_start": False, "is_end": False, "outcome": None},
        {"name": "accepted", "is_start": False, "is_end": True, "outcome": "output"},
        {"name": "rejected", "is_start": False, "is_end": True, "outcome": "error"},
        {"name": "ignored", "is_start": False, "is_end": True, "outcome": "drop"},
    ],
    "arcs": [
        {"from": "intake", "to": "scored", "label": "amount > 0"},
        {"from": "intake", "to": "ignored", "label": "test"},
        {"from": "scored", "to": "accepted", "label": "score > 0.8"},
        {"from": "scored", "to": "review", "label": ""},
        {"from": "review", "to": "review", "label": "again"},
        {"from": "review", "to": "scored", "label": "rescore"},
        {"from": "review", "to": "rejected", "label": "<b>bad</b>"},
        {"from": "intake", "to": "rejected", "label": ""},
    ],
}


def lane(partition: int, topic: str = "orders", **changes: Any) -> PartitionView:
    """A running lane with 100 records behind it and 20 before it."""
    values: dict[str, Any] = {
        "topic": topic, "partition": partition, "phase": "running", "position": 100, "committed": 90, "end": 120, "lag": 30,
        "lag_seconds": 1.5, "in_flight": 10, "in_flight_bytes": 2000, "oldest_in_flight_s": 0.25, "paused": (),
    }
    return PartitionView(**{**values, **changes})


@dataclass
class FakeView:
    """Running and ready, with two partitions, unless told otherwise."""

    name: str = "orders-worker"
    guarantee: str = "at_least_once"
    started_at: float = field(default_factory=lambda: time.time() - 60)
    counters: Counters = field(default_factory=Counters)
    state: str = "running"
    heartbeat: float = field(default_factory=time.monotonic)
    unready: str | None = None
    breaker: str = "closed"
    machine: MachineView = field(default_factory=lambda: MachineView("orders", "3", "sha256:abc", 1_700_000_000.0, GRAPH))
    limits: Limits = field(default_factory=lambda: Limits(5000, 16 << 20, 0.5, 256 << 20))
    lanes: list[PartitionView] = field(default_factory=lambda: [lane(0), lane(1, paused=("backpressure", "retry"))])

    def partitions(self) -> list[PartitionView]:
        return list(self.lanes)


def busy_view() -> FakeView:
    """A view in which every counter has counted something."""
    view = FakeView()
    c = view.counters
    c.consumed.update({("orders", 0): 600, ("orders", 1): 400, ("orders", 7): 50})
    c.consumed_bytes["orders"] = 123456
    c.processed.update({"output": 900, "error": 5, "drop": 40, "tombstone": 1, "failed": 3})
    c.produced.update({"accepted": 900, "orders.dead": 8})
    c.dead_letters.update({"rejected": 5, "malformed": 3})
    c.loop_seconds.update({"machine": 1.25, "idle": 8})  # type: ignore[dict-item]  # seconds are floats
    c.commits.update({"ok": 9, "stale": 1})
    c.rebalances["assigned"] = 1
    c.pauses["backpressure"] = 2
    c.reloads["ok"] = 1
    c.transactions["committed"] = 4
    c.stalls["orders"] = 1
    c.states.update({"intake": 1050, "scored": 1000, "accepted": 900, "rejected": 5, "ignored": 40})
    c.arcs.update({("intake", "scored"): 1000, ("scored", "accepted"): 900, ("review", "rejected"): 5})
    c.produce_retries = 2
    c.timestamps_replaced = 1
    c.dead_letter_publish_failures = 1
    c.producer_recreated = 1
    c.chunk_records.observe(100, 10)
    c.end_to_end.observe(0.02, 900)
    c.end_to_end.observe(1000)
    c.last_errors.append({
        "time": time.time(), "reason": "rejected", "state": "review", "topic": "orders", "partition": 0, "offset": 41,
        "message": "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \ud800",
    })
    return view
