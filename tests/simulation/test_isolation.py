"""A lane alone with what the broker refuses leaves the others alone, and does not come back to it again and again."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulation.fake_kafka import FakeProducer
from tests.simulation.world import DEAD, World
from worker.delivery import isolation


async def settled(world: World) -> None:
    """Wait until everything fed is committed."""
    end = asyncio.get_running_loop().time() + 5
    while not world.done():
        await asyncio.sleep(0.002)
        assert asyncio.get_running_loop().time() < end


def alone(world: World) -> list[FakeProducer]:
    """Producers made for a lane alone."""
    return [p for p in world.kafka.producers if not p.idempotent]


async def test_a_failure_in_isolation_replaces_the_lanes_own_producer() -> None:
    """The shared one, which the other lanes use, stays."""
    world = World()
    await world.join()
    world.feed(0, "poison")
    await settled(world)
    guarantee, (first,) = world.processes[0].guarantee, alone(world)
    shared = guarantee.version
    fates = ["fail"]
    world.kafka.fate = lambda *_: fates.pop() if fates else "ok"
    world.feed(0, "ok")
    await settled(world)
    assert not fates and guarantee.version == shared
    assert len(alone(world)) == 2 and first.closed
    await world.finish()


async def test_a_topic_that_takes_smaller_batches_isolates_a_lane_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record fits, only the batches do not: what the topic takes is asked for, and the next shared producer keeps to it."""
    monkeypatch.setattr(isolation, "CLEAN_RECORDS", 3)
    world = World()
    await world.join()
    world.kafka.most_in_batch = 1
    for _ in range(6):
        for _ in range(9):
            world.feed(0, "ok")
        await settled(world)
    assert len(alone(world)) == 1
    assert world.processes[0].counters.producer_recreated == 1
    assert not world._written(DEAD)
    await world.finish()
