"""The invariants of the design hold for both guarantees, whatever happens."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.simulation.world import World
from worker.runtime.ports import EpochOver, Unavailable

STEPS = st.one_of(
    st.tuples(st.just("feed"), st.integers(0, 1), st.lists(st.sampled_from(["ok"] * 6 + ["bad", "drop", "poison"]), min_size=1, max_size=20)),
    st.tuples(st.just("batches"), st.lists(st.sampled_from(["ok", "fail", "lost"]), min_size=1, max_size=4)),
    st.tuples(st.just("down"), st.floats(0.001, 0.01)),
    st.tuples(st.just("commit"), st.sampled_from(["epoch", "unavailable"])),
    st.tuples(st.just("rebalance"), st.integers(0, 1)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("join"), st.sampled_from([0.001, 1.0])),
    st.tuples(st.just("wait"), st.floats(0, 0.008)),
)
BOTH = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
POINTS = ("after_produce", "before_offsets", "before_commit", "in_commit")
TRANSACTION_STEPS = st.one_of(
    STEPS,
    st.tuples(st.just("crash_at"), st.sampled_from(POINTS)),
    st.tuples(st.just("zombie"), st.floats(0, 0.01)),
    st.tuples(st.just("commits"), st.lists(st.sampled_from(["ok", "fail", "lost"]), min_size=1, max_size=3)),
    st.tuples(st.just("markers"), st.integers(1, 2)),
)


async def play(plan: list[tuple[Any, ...]], seed: int, guarantee: str, world: World | None = None) -> World:
    """Carry a plan out, heal everything, and judge."""
    world, chance, fates = world or World(guarantee=guarantee), random.Random(seed), []
    kafka = world.kafka
    kafka.ack_turns = lambda: chance.randrange(6)
    kafka.fate = lambda *_: fates.pop() if fates else "ok"
    await world.join()
    for verb, *what in plan:
        if verb == "feed":
            for kind in what[1]:
                world.feed(what[0], kind)
        elif verb == "batches":
            fates[:] = what[0]
        elif verb == "down":
            kafka.down = True
            await asyncio.sleep(what[0])
            kafka.down = False
        elif verb == "commit":
            kafka.commit_trouble.append(EpochOver("told so") if what[0] == "epoch" else Unavailable("told so"))
        elif verb == "rebalance":
            await world.rebalance(what[0])
        elif verb == "crash":
            await world.crash()
        elif verb == "crash_at":
            await world.crash_at(what[0])
        elif verb == "zombie" and len(world.processes) > 1:
            await world.zombie(what[0])
        elif verb == "commits":
            kafka.transactions.fates.extend(what[0])
        elif verb == "markers":
            kafka.transactions.lose_markers = what[0]
        elif verb == "join" and len(world.processes) < 2:
            await world.join(what[0])
        elif verb == "wait":
            await asyncio.sleep(what[0])
        await asyncio.sleep(0)
    fates.clear()
    kafka.transactions.fates.clear()
    kafka.transactions.lose_markers = 0
    await world.finish()
    return world


@settings(max_examples=examples(15), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=1, max_size=14), st.integers(0, 1 << 16))
def test_the_invariants_hold_through_any_plan_of_trouble(plan: list[tuple[Any, ...]], seed: int) -> None:
    """At least once: I1, I2, I4, I5 and I6; and nothing hangs once the trouble is over."""
    asyncio.run(asyncio.wait_for(play(plan, seed, "at_least_once"), 60))


@settings(max_examples=examples(25), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(TRANSACTION_STEPS, min_size=1, max_size=14), st.integers(0, 1 << 16))
def test_outputs_and_offsets_appear_together_through_any_plan_of_trouble(plan: list[tuple[Any, ...]], seed: int) -> None:
    """Exactly once: I1 to I6, with deaths at named points, zombies, unanswered commits and lost markers."""
    asyncio.run(asyncio.wait_for(play(plan, seed, "exactly_once"), 60))


@pytest.mark.parametrize("seed", range(16))
async def test_trouble_after_trouble_under_load(seed: int) -> None:
    """Exactly once: I1 to I6 where every disturbance meets transactions that hold something."""
    chance = random.Random(seed)
    plan: list[tuple[Any, ...]] = [("join", 1.0)]
    for _ in range(10):
        plan += [("feed", n, [chance.choice(["ok", "ok", "ok", "bad", "drop", "poison"]) for _ in range(8)]) for n in (0, 1)]
        plan += [chance.choice([("crash_at", chance.choice(POINTS)), ("zombie", chance.uniform(0, 0.02)), ("commits", [chance.choice(["lost", "fail"])]),
                                ("batches", ["lost", "fail"]), ("markers", 1), ("rebalance", 1), ("down", 0.004)]), ("wait", chance.uniform(0, 0.01))]
    await asyncio.wait_for(play(plan, seed, "exactly_once"), 60)


@BOTH
@pytest.mark.parametrize("seed", range(8))
async def test_a_flood_of_refused_records_between_failures_loses_nothing(seed: int, guarantee: str) -> None:
    """Isolation, lost acknowledgements and poisoned producers together."""
    chance = random.Random(seed)
    plan: list[tuple[Any, ...]] = []
    for _ in range(6):
        plan += [("feed", chance.randrange(2), [chance.choice(["ok", "poison", "bad"]) for _ in range(12)]),
                 ("batches", [chance.choice(["ok", "lost", "fail"]) for _ in range(3)]), ("wait", 0.004), ("rebalance", chance.randrange(2))]
    await play(plan, seed, guarantee)


async def test_a_drain_while_no_broker_answers_ends_at_its_deadline() -> None:
    """I10: the drain deadline expires, the work stays uncommitted, and the worker is told no defect."""
    world = World()
    await world.join(0.05)
    world.kafka.down = True
    world.kafka.down = False
    world.kafka.fate = lambda *_: "fail"
    for _ in range(9):
        world.feed(0, "ok")
    await asyncio.sleep(0.03)
    world.kafka.down = True
    process = world.processes[0]
    assert not await asyncio.wait_for(process.stop(), 3)
    assert not process.stops
    world.judge()
    assert world.kafka.offsets.get(("in", 0), 0) == 0  # type: ignore[call-overload]


async def test_an_offset_that_is_gone_does_not_end_the_reading() -> None:
    """The reader goes on when the place to start again cannot be asked for at once."""
    world = World()
    await world.join()
    for _ in range(5):
        world.feed(0, "drop")
    process = world.processes[0]
    bound, calls = process.consumer.bound, []

    async def flaky(partition: Any, where: str) -> int:
        calls.append(where)
        if len(calls) == 1:
            raise Unavailable("told so")
        return await bound(partition, where)

    await asyncio.sleep(0.05)
    process.consumer.bound = flaky  # type: ignore[method-assign]
    for _ in range(5):
        world.feed(0, "ok")
    lane = next(x for x in process.member.lanes.values() if x.partition.partition == 0)
    process.consumer.seek(lane.partition, 99)
    await world.finish()
    assert len(calls) == 1, "the rewind to the lane's own position was enough"


async def test_an_operators_pause_outlives_a_rebalance() -> None:
    """I5: pause reasons are applied again on reassignment, and taken away by the operator alone."""
    world = World()
    await world.join()
    world.processes[0].member.pause("operator")
    await world.rebalance()
    world.feed(0, "ok")
    await asyncio.sleep(0.05)
    assert not world.kafka.acked
    world.processes[0].member.resume("operator")
    await world.finish()


async def test_failures_are_counted_where_they_happened() -> None:
    """What failed in a state is counted under its name: the page shows it there."""
    world = World()
    await world.join()
    for kind in ("bad", "ok", "bad", "drop"):
        world.feed(0, kind)
    await world.finish()
    assert world.processes[0].counters.failures == {"start": 2}


async def test_an_operator_gets_past_bad_records_however_many_there_are() -> None:
    """Each resume lets the slice that opened the breaker through; before it nothing is sent or committed."""
    world = World(breaker=SimpleNamespace(action="pause", max_ratio=0.5, window=1000, max_consecutive=3, probe_after=0))
    await world.join()
    member = world.processes[0].member
    for kind in ["ok"] * 3 + ["bad"] * 12 + ["ok"] * 6:
        world.feed(0, kind)
    resumes = 0
    while not world.done() and resumes < 10:
        await asyncio.sleep(0.02)
        if member.breaker.state == "open":
            before = world.kafka.sends  # what was sent before it opened may be acknowledged now
            await asyncio.sleep(0.01)
            assert world.kafka.sends == before, "an open breaker sends nothing"
            member.resume("breaker")
            resumes += 1
    if resumes == 10:
        await world.processes[0].crash()  # a failed test ends too
    assert resumes < 10, "the breaker opens for ever"
    assert member.breaker.state == "closed" and resumes > 1
    await world.finish()
