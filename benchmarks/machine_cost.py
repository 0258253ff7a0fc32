"""What the machine alone costs: bytes to bytes in one process, beside the function written by hand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import fsm_core
from benchmarks.job import orders, price

CHUNK = 1000


def machine_cost(records: int, runs: int) -> dict[str, float]:
    """Median µs of CPU per record, by what did it; the runs take turns."""
    values = [order.value for order in orders(records)]
    chunks = [values[start:start + CHUNK] for start in range(0, records, CHUNK)]
    machine = fsm_core.load(str(Path(__file__).with_name("machine.yaml")))

    def by_machine(chunk: Sequence[bytes]) -> object:
        return machine.run(chunk).rows

    def by_hand(chunk: Sequence[bytes]) -> object:
        return [price(value) for value in chunk]

    ways: dict[str, Callable[[Sequence[bytes]], object]] = {"Machine.run": by_machine, "by hand": by_hand}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(_time(way, chunks) / records * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def _time(way: Callable[[Sequence[bytes]], object], chunks: Sequence[Sequence[bytes]]) -> float:
    """CPU seconds of all chunks; CPU, because a busy machine stretches the wall clock."""
    start = time.process_time()
    for chunk in chunks:
        way(chunk)
    return time.process_time() - start
