"""A quarantine that is full holds its lane, and lets it go when a purge took keys out of the books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.simulation.books import BOOKS, reader
from tests.simulation.world import DEAD, IN, OUT, World
from worker.runtime import member
from worker.runtime.ports import Partition


async def come_true(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    end = asyncio.get_running_loop().time() + 5
    while not condition():
        await asyncio.sleep(0.002)
        assert asyncio.get_running_loop().time() < end


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
async def test_a_full_quarantine_holds_its_lane_until_a_purge(guarantee: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost meanwhile, the other partition goes on, and the key that had to wait is held in its turn."""
    monkeypatch.setattr(member, "_FULL_SECONDS", 0.01)
    world = World(guarantee=guarantee)
    logs = world.kafka.logs
    world.quarantine = reader(world.kafka, most=1)
    for value, key in ((b"bad:0:0", b"a"), (b"ok:0:1", b"a"), (b"ok:0:2", b"b"), (b"bad:0:3", b"b"), (b"ok:0:4", b"c"), (b"ok:0:5", b"b")):
        world.kafka.put(IN, 0, value, key)
    world.feed(1, "ok")
    await world.join()
    lanes = world.processes[0].member.lanes
    await come_true(lambda: "quarantine" in lanes[Partition(IN, 0)].reasons)
    await come_true(lambda: world.kafka.offsets.get(Partition(IN, 1)) == 1)
    assert not lanes[Partition(IN, 1)].reasons
    assert world.kafka.offsets.get(Partition(IN, 0), 0) <= 3
    world.kafka.put(BOOKS.topic, 0, None, b"0/a")
    await come_true(world.done)
    assert {r.value for n in range(2) for r in logs[Partition(DEAD, n)] if r.visible} == {b"bad:0:0", b"ok:0:1", b"bad:0:3", b"ok:0:5"}
    assert {r.value for n in range(2) for r in logs[Partition(OUT, n)] if r.visible} == {b"ok:0:2", b"ok:0:4", b"ok:1:0"}
    assert await world.processes[0].stop()
