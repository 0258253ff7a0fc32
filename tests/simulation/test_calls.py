"""Slow async functions: a lane that waits for one stops nobody else, and drain, revoke, cancellation and a swap meanwhile lose nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from fsm_core.engine.batch import BatchResult
from tests.simulation.world import DEAD, IN, OUT, FakeMachine, World, facts, router_config
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Router
from worker.runtime.ports import Partition
from worker.runtime.processing import Active

BOTH = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])


class SlowMachine(FakeMachine):
    """Partition 0's calls are answered when `gate` is open."""

    is_async = True

    def __init__(self) -> None:
        self.gate, self.begun, self.cancelled = asyncio.Event(), asyncio.Event(), 0

    async def run_async(self, values: list[bytes], metas: Any, _now: float) -> BatchResult:
        """One batch with a call."""
        if metas(0).partition == 0:
            self.begun.set()
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return self.run(values)


async def waiting(guarantee: str, drain: float = 1.0) -> World:
    """A member with ten records in each partition, of which partition 0 waits for a call."""
    world = World(guarantee=guarantee, machine=SlowMachine())
    for partition in range(2):
        for kind in ("ok", "bad", "ok", "ok", "drop") * 2:
            world.feed(partition, kind)
    await world.join(drain)
    await asyncio.wait_for(world.machine.begun.wait(), 2)
    return world


async def committed(world: World, partition: int, offset: int) -> None:
    """Wait for a partition's offset."""
    async with asyncio.timeout(3):
        while world.kafka.offsets.get(Partition(IN, partition), 0) != offset:  # noqa: ASYNC110 - the oracle looks on from outside
            await asyncio.sleep(0.002)


@BOTH
async def test_a_slow_call_stops_no_other_lane(guarantee: str) -> None:
    """Partition 1 is through while 0 waits, and 0 has committed nothing."""
    world = await waiting(guarantee)
    await committed(world, 1, 10)
    assert not world.kafka.offsets.get(Partition(IN, 0))
    lane = world.processes[0].member.lanes[Partition(IN, 0)]
    assert lane.view(time.monotonic()).oldest_in_flight_s > 0, "the age of what the machine has is seen"
    world.machine.gate.set()
    await world.finish()


@BOTH
async def test_a_drain_waits_for_the_call(guarantee: str) -> None:
    """What is under way is delivered and committed before the member leaves."""
    world = await waiting(guarantee)
    await committed(world, 1, 10)
    leaving = asyncio.create_task(world.processes[0].stop())
    await asyncio.sleep(0.03)
    assert not leaving.done()
    world.machine.gate.set()
    assert await leaving and not world.machine.cancelled
    assert world.kafka.offsets[Partition(IN, 0)] > 0
    world.processes.clear()
    await world.join()
    await world.finish()


@BOTH
async def test_a_call_that_outlasts_the_drain_is_cancelled_and_its_records_come_again(guarantee: str) -> None:
    """I10 and I6: the deadline ends the wait, nothing of the slice is committed, the next member does it."""
    world = await waiting(guarantee, drain=0.05)
    await committed(world, 1, 10)
    assert not await asyncio.wait_for(world.processes.pop().stop(), 2)
    assert world.machine.cancelled == 1 and not world.kafka.offsets.get(Partition(IN, 0))
    world.machine.gate.set()
    await world.join()
    await world.finish()


@BOTH
async def test_a_revoke_during_a_call_leaves_the_slice_to_the_new_owner(guarantee: str) -> None:
    """I2: the old owner sends nothing of it any more; its counts do not hold it either."""
    world = await waiting(guarantee, drain=0.05)
    old = world.processes[0]
    await world.join()
    await world.rebalance(1)
    assert world.machine.cancelled >= 1 and Partition(IN, 0) not in old.member.lanes
    world.machine.gate.set()
    await world.finish()


@BOTH
async def test_a_lane_in_a_call_finishes_with_the_old_machine(guarantee: str) -> None:
    """A swap meanwhile: the slice under way bears the old digest, what follows the new one."""
    world = await waiting(guarantee)
    await committed(world, 1, 10)
    router = Router(router_config(), {OUT: facts(OUT), DEAD: facts(DEAD)}, DeadLetters({DEAD: facts(DEAD)}, DEAD, "machine", "new"))
    world.processes[0].active = Active(FakeMachine(), router)
    world.machine.gate.set()
    await world.finish()
    dead = [r for p, log in world.kafka.logs.items() if p.topic == DEAD for r in log if (r.value or b"").startswith(b"bad:0")]
    assert [dict(r.headers)["fsm.machine.digest"] for r in sorted(dead, key=lambda r: int(r.value.split(b":")[2]))] == [b"digest", b"new"]  # type: ignore[union-attr]


async def test_what_the_broker_refuses_after_a_swap_bears_the_digest_of_its_judge() -> None:
    """Isolation makes the dead letter of a record that the old machine let pass."""
    world = World(partitions=1)
    world.kafka.ack_turns = lambda: 20
    await world.join()
    world.feed(0, "poison")
    process = world.processes[0]
    async with asyncio.timeout(2):
        while not process.member.lanes[Partition(IN, 0)].pending:  # noqa: ASYNC110 - the oracle looks on from outside
            await asyncio.sleep(0.001)
    process.active = Active(FakeMachine(), Router(router_config(), world.router.facts, DeadLetters(world.router.facts, DEAD, "machine", "new")))
    await world.finish()
    (dead,) = [r for p, log in world.kafka.logs.items() if p.topic == DEAD for r in log]
    assert dict(dead.headers)["fsm.machine.digest"] == b"digest"
