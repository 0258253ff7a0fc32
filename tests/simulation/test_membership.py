"""A process that stood still sends nothing with an assignment that may be somebody else's by now."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.simulation.world import IN, Process, World
from worker.delivery import exactly_once
from worker.runtime.ports import Partition

SESSION = 0.6


async def works(world: World) -> Process:
    """A member that delivered something and stands still for longer than its session; more has come in meanwhile."""
    await world.join()
    for partition in range(2):
        for _ in range(5):
            world.feed(partition, "ok")
    while not world.done():
        await asyncio.sleep(0.002)
    for partition in range(2):
        for _ in range(30):
            world.feed(partition, "ok")
    await asyncio.sleep(0.001)  # some of it is on its way
    return world.processes[0]


def stand_still() -> None:
    """As SIGSTOP does: nothing of the process turns."""
    time.sleep(SESSION * 1.2)


@pytest.mark.parametrize("poison", [False, True])
async def test_a_zombie_sends_nothing_with_its_old_assignment(poison: bool) -> None:
    """It is held until the group gives it partitions anew, also in isolation; then everything goes on."""
    world = World(session=SESSION)
    if poison:
        world.feed(0, "poison")
    zombie = await works(world)
    stand_still()
    zombie.consumer.expired = True
    before = world.kafka.sends
    await asyncio.sleep(0.05)
    assert world.kafka.sends == before
    assert not zombie.member.membership.sure and all("membership" in lane.reasons for lane in zombie.member.lanes.values())
    assert zombie.counters.commits["stale"]
    started = asyncio.get_running_loop().time()
    await world.rebalance()
    assert asyncio.get_running_loop().time() - started < 0.5, "a zombie has nothing to drain"
    assert zombie.member.membership.sure
    await world.finish()


async def test_a_member_that_is_still_one_goes_on_after_a_commit() -> None:
    """Nothing moved meanwhile: a commit of its own generation is the proof, even with nothing new to commit."""
    world = World(session=SESSION)
    member = await works(world)
    stand_still()
    member.member.membership.pulse()
    assert not member.member.membership.sure
    await world.finish()
    assert member.counters.pauses["membership"] >= 2 and member.member.membership.sure
    assert world.kafka.offsets[Partition(IN, 0)] == 35


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
async def test_who_ends_in_doubt_with_records_under_way_says_so(guarantee: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They will be delivered again: an end of the worker is then no clean one (exit code 75, not 0)."""
    monkeypatch.setattr(exactly_once, "_HAND_OVER_SECONDS", 0.05)
    world = World(session=SESSION, guarantee=guarantee)
    await world.join()
    process = world.processes[0]
    world.kafka.ack_turns = lambda: 1 << 30  # no answer comes
    for _ in range(5):
        world.feed(0, "ok")
    lane = process.member.lanes[Partition(IN, 0)]
    while not lane.pending:
        await asyncio.sleep(0.002)
    stand_still()
    process.consumer.expired = True
    process.member.membership.pulse()
    assert not process.member.membership.sure
    assert not await process.member.hand_over(list(process.member.lanes.values()))
    assert not process.stops
    for task in [t for p in world.kafka.producers for t in p._tasks.values()]:
        task.cancel()
    await process.crash()
