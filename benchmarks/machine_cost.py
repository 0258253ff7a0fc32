"""What machines alone cost: bytes to bytes in one process, beside the same thing written by hand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import fsm_core
from benchmarks import asking, seed, ten_states
from benchmarks.job import orders, price
from benchmarks.peers import walk_hand

CHUNK = 1000
Way = Callable[[list[bytes]], object]


def machine_cost(records: int, runs: int) -> dict[str, dict[str, float]]:
    """Median µs of CPU per record, by job and by what did it; the ways of a job take turns, by hand first."""
    made = fsm_core.load(str(Path(__file__).with_name("machine.yaml")))
    seeds = {trust: fsm_core.load(seed.MACHINE, trusted=trust) for trust in (True, False)}
    tens = {trust: fsm_core.load(ten_states.MACHINE, trusted=trust) for trust in (True, False)}
    asks = fsm_core.load(asking.MACHINE, functions={"look": asking.look})
    jobs: dict[str, tuple[list[bytes], dict[str, Way]]] = {
        "orders": ([order.value for order in orders(records)], {
            "by hand": lambda chunk: [price(value) for value in chunk], "Machine.run": lambda chunk: made.run(chunk).rows}),
        "seed": (seed.pages(records), {
            "by hand": walk_hand.run, "trusted": seeds[True].run, "safe": seeds[False].run,
            "interpreted": seeds[True].run_interpreted}),
        "ten states": (list(ten_states.baskets(records)), {
            "by hand": ten_states.by_hand, "trusted": tens[True].run, "safe": tens[False].run}),
        "a call": (asking.visits(records), {
            "by hand": asking.by_hand, "compiled": asking.answering(asks.start), "interpreted": asking.answering(asks.start_interpreted)}),
    }
    return {job: _turns(values, ways, runs) for job, (values, ways) in jobs.items()}


def _turns(values: list[bytes], ways: dict[str, Way], runs: int) -> dict[str, float]:
    chunks = [values[start:start + CHUNK] for start in range(0, len(values), CHUNK)]
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(_time(way, chunks) / len(values) * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def _time(way: Way, chunks: Sequence[list[bytes]]) -> float:
    """CPU seconds of all chunks; CPU, because a busy machine stretches the wall clock."""
    start = time.process_time()
    for chunk in chunks:
        way(chunk)
    return time.process_time() - start
