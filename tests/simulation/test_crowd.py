"""What all lanes of a member hold stays within its bound, and no lane starves because of others."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.simulation.world import FETCH, IN, World
from worker.runtime.backpressure import Limits
from worker.runtime.ports import Partition

PARTITIONS, MOST, RECORD = 8, 300, 9  # bytes: `ok:0:10` and its key, about


class Watched(Limits):
    """Remembers its highest total."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "total_bytes":
            self.__dict__["peak"] = max(value, self.__dict__.get("peak", 0))


def world() -> tuple[World, Watched]:
    """Eight partitions of which three could fill the member."""
    limits = Watched(1000, 1 << 30, 0.5, MOST, FETCH)
    made = World(PARTITIONS, limits=lambda: limits)
    for partition in range(PARTITIONS):
        for _ in range(60):
            made.feed(partition, "ok")
    return made, limits


async def test_the_total_is_passed_by_one_fetch_at_most() -> None:
    """However many lanes there are; and everything gets through."""
    it, limits = world()
    it.kafka.ack_turns = lambda: 3
    await it.join()
    await it.finish(20)
    assert MOST / 2 < limits.__dict__["peak"] <= MOST + limits.largest
    assert limits.largest <= FETCH * (RECORD + 4)


async def test_lanes_that_hold_everything_and_cannot_move_do_not_starve_the_others() -> None:
    """Their topic takes nothing for now; the others pass one fetch after the other."""
    it, limits = world()
    stuck = {f"k{n}.{p}".encode() for n in range(3) for p in range(4)}
    it.kafka.fate = lambda _topic, _partition, records: "fail" if any(r[1] in stuck for r in records) else "ok"
    await it.join()
    end = asyncio.get_running_loop().time() + 20
    while any(it.kafka.offsets.get(Partition(IN, p), 0) < 60 for p in range(4, PARTITIONS)):
        await asyncio.sleep(0.002)
        assert asyncio.get_running_loop().time() < end, it.kafka.offsets
    assert limits.__dict__["peak"] <= MOST + limits.largest * 5, "a fetch for each lane that is held by trouble"
    it.kafka.fate = lambda *_: "ok"
    await it.finish(20)
