"""A lane that was shut out and goes on elsewhere knows the quarantine as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.simulation.books import held, reader
from tests.simulation.world import DEAD, IN, OUT, Process, World
from worker.runtime.ports import Partition

HERE = Partition(IN, 0)


async def until(what: Callable[[], Any]) -> None:
    """Wait for a condition, a while at most."""
    end = asyncio.get_running_loop().time() + 5
    while not what():
        await asyncio.sleep(0.001)
        assert asyncio.get_running_loop().time() < end


def put(world: World, *values: str) -> None:
    """Records of one key."""
    for value in values:
        offset = len(world.kafka.logs[HERE])
        world.kafka.put(IN, 0, f"{value}:0:{offset}".encode(), b"a")


async def stands(world: World) -> Process:
    """The first of two members stands still with a transaction open over the first record."""
    world.quarantine = reader(world.kafka)
    await world.join()
    await world.join()
    await until(lambda: len(world.kafka.offsets) == 2)
    held_up = world.kafka.transactions
    held_up.hang_at = "before_offsets"
    put(world, "ok")
    await until(lambda: held_up.hung)
    return world.processes[0]


def wake(process: Process) -> None:
    """Its request comes to nothing."""
    lane = process.member.lanes[HERE]
    process.guarantee._committing.pop(lane).cancel()
    lane.fail(Exception("woken"))


async def test_a_key_that_another_owner_held_is_held() -> None:
    """I4: its record died with an heir; the one that takes the partition back sees a later record of the key."""
    world = World(guarantee="exactly_once")
    zombie = await stands(world)
    heir = world.processes[1]
    zombie.consumer.paused.add(HERE)  # so it sees nothing of what comes now
    await heir.consumer.give_up()
    heir.consumer.take_over([HERE, Partition(IN, 1)])
    put(world, "bad", "ok")
    await until(lambda: world.kafka.offsets[HERE] >= 3)
    assert set(held(world.kafka)) == {b"a"}
    end = len(world.kafka.logs[HERE])
    await heir.crash()
    wake(zombie)
    lane = zombie.member.lanes[HERE]
    await until(lambda: lane.acked >= end)
    zombie.consumer.paused.discard(HERE)
    put(world, "ok")
    await until(lambda: world.kafka.offsets[HERE] == len(world.kafka.logs[HERE]))
    assert [r.value for r in world.visible(OUT)] == [b"ok:0:0"]
    assert [(r.value or b"")[:3] for r in world.visible(DEAD)] == [b"bad", b"ok:", b"ok:"]
    assert await zombie.stop()


async def test_what_a_given_up_transaction_held_is_written_into_the_books_again() -> None:
    """The record is read again and dies again: the books must say so, or the next owner lets the key's next record pass."""
    world = World(guarantee="exactly_once")
    process = await stands(world)
    put(world, "ok", "bad", "ok")
    lane = process.member.lanes[HERE]
    await until(lambda: lane.quarantine is not None and lane.quarantine.keys)
    world.kafka.offsets[HERE] = 2  # somebody else came there meanwhile
    wake(process)
    await until(lambda: world.kafka.offsets[HERE] == len(world.kafka.logs[HERE]))
    kept = held(world.kafka)[b"a"]
    assert (kept.since, kept.count) == (2, 2)
    assert await process.stop() and await world.processes[1].stop()
