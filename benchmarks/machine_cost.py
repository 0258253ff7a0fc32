"""What machines alone cost: bytes to bytes in one process, beside the same thing written by hand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

import fsm_core
from benchmarks import seed, ten_states
from benchmarks.job import orders, price

CHUNK = 1000
Way = Callable[[list[bytes]], object]


def machine_cost(records: int, runs: int) -> dict[str, dict[str, float]]:
    """Median µs of CPU per record, by job and by what did it; the ways of a job take turns, by hand first."""
    made = fsm_core.load(str(Path(__file__).with_name("machine.yaml")))
    seeds = {trust: fsm_core.load(seed.MACHINE, trusted=trust) for trust in (True, False)}
    tens = {trust: fsm_core.load(ten_states.MACHINE, trusted=trust) for trust in (True, False)}
    pages = [b'{"id": %d, "value": %d, "category": "cat_%d", "status": "pending"}' % (n, n * 10 % 20_011 if n % 50 else -1, n % 5)
             for n in range(records)]
    jobs: dict[str, tuple[list[bytes], dict[str, Way]]] = {
        "orders": ([order.value for order in orders(records)], {
            "by hand": lambda chunk: [price(value) for value in chunk], "Machine.run": lambda chunk: made.run(chunk).rows}),
        "seed": (pages, {
            "by hand": seed_by_hand, "trusted": seeds[True].run, "safe": seeds[False].run,
            "interpreted": seeds[True].run_interpreted}),
        "ten states": (list(ten_states.baskets(records)), {
            "by hand": ten_states.by_hand, "trusted": tens[True].run, "safe": tens[False].run}),
    }
    return {job: _turns(values, ways, runs) for job, (values, ways) in jobs.items()}


def seed_by_hand(values: Sequence[bytes]) -> list[bytes]:
    """What the streaming page's machine writes, as one would fuse it by hand: one dict a record."""
    rows = []
    for value in values:
        data = orjson.loads(value)
        number = data.get("value")
        if number is None or number < 0:
            continue
        squared = number**2
        rows.append(orjson.dumps({
            "id": data["id"], "original_value": number, "doubled_value": number * 2, "squared_value": squared, "category": data["category"],
            "status": "processed", "value_tier": "high" if number > 5000 else "medium" if number > 1000 else "low",
            "risk_score": min(100, squared / 100)}))
    return rows


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
