"""An async function of the host in a running worker on a real Kafka: slow in one partition, waited for by a drain, cut at its deadline."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.case import Case, MakeCase, good
from tests.kafka.outside import Fed
from tests.kafka.worker_process import WorkerProcess, until

MACHINE: dict[str, Any] = {
    "name": "Calls", "states": [{"name": "start", "is_start": True, "functions": {"transform": {"ref": "lookup"}}}, {"name": "done", "is_end": True}],
    "arcs": [{"from": "start", "to": "done"}]}


def sections(guarantee: str) -> dict[str, Any]:
    """A safe machine that calls what the worker file registers."""
    return {"machine": MACHINE, "functions": {"lookup": "tests.kafka.slow:lookup"}, "delivery": {"guarantee": guarantee}}


def waits_in_partition_0(case: Case, running: WorkerProcess, gate: Path) -> None:
    """Partition 1 is through while partition 0 waits for an answer."""
    running.ready()
    case.feed(Fed(b"a", json.dumps({"i": 0, "gate": str(gate)}).encode(), partition=0), *(Fed(b"a", good(i), partition=0) for i in range(1, 5)))
    until(lambda: any(p["in_flight"] for p in running.status()["partitions"]), 20, "the call", running)
    case.feed(*(Fed(b"b", good(i), partition=1) for i in range(100)))
    until(lambda: case.committed().get(1) == 100, 30, "partition 1 committed", running)
    assert not case.committed().get(0)


def numbers(case: Case, partition_key: bytes) -> list[int]:
    """What came out of a partition."""
    return [json.loads(r.value or b"")["i"] for r in case.outputs() if r.key == partition_key and json.loads(r.value or b"")["looked"]]


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_drain_waits_for_a_slow_call_that_stops_no_other_lane(make_case: MakeCase, tmp_path: Path, guarantee: str) -> None:
    """Exit 0, everything delivered once, in order."""
    case, gate = make_case(2), tmp_path / "gate"
    with case.run(**sections(guarantee)) as running:
        waits_in_partition_0(case, running, gate)
        running.signal(signal.SIGTERM)
        until(lambda: running.status()["state"] == "draining", 10, "draining", running)
        gate.touch()
        assert running.wait() == 0, running.tail()
    assert case.committed() == {0: 5, 1: 100}
    assert (numbers(case, b"a"), numbers(case, b"b")) == (list(range(5)), list(range(100)))


def test_a_call_that_outlasts_the_drain_is_cut_and_its_records_come_again(make_case: MakeCase, tmp_path: Path) -> None:
    """Exit 75 at the deadline with nothing of the slice committed; the next worker does it."""
    case, gate = make_case(2), tmp_path / "gate"
    with case.run(**sections("at_least_once"), drain_timeout="2s") as running:
        waits_in_partition_0(case, running, gate)
        assert running.stop(15) == 75
    assert not case.committed().get(0) and numbers(case, b"a") == []
    gate.touch()
    with case.run(**sections("at_least_once")) as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    assert numbers(case, b"a") == list(range(5))
