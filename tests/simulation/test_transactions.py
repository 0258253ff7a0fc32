"""What only exactly-once delivery meets: owners that shut each other out, transactions that wait, verbs that hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.world import IN, OUT, World
from worker.delivery import exactly_once, transaction
from worker.runtime.ports import Partition


async def until(what: Callable[[], Any]) -> None:
    """Wait for a condition, a while at most."""
    end = asyncio.get_running_loop().time() + 5
    while not what():
        await asyncio.sleep(0.001)
        assert asyncio.get_running_loop().time() < end


def world() -> World:
    """A group that delivers exactly once."""
    return World(guarantee="exactly_once")


async def test_a_zombie_goes_on_where_its_heir_came_to() -> None:
    """I3: what it still holds is before the group's offset; it is forgotten, not sent."""
    it = world()
    await it.join()
    await it.join()
    zombie, heir = it.processes
    held = it.kafka.transactions
    await until(lambda: len(it.kafka.offsets) == 2)  # each has committed where it began
    held.hang_at = "before_offsets"
    for _ in range(5):
        it.feed(0, "ok")
    await until(lambda: held.hung)  # it stands still with a transaction open
    assert held.hung == [zombie.consumer]
    sends = it.kafka.sends
    it.feed(0, "ok")
    await asyncio.sleep(0.01)
    assert it.kafka.sends == sends, "nothing is added to a transaction that is being committed"
    await heir.consumer.give_up()
    heir.consumer.take_over([Partition(IN, 0), Partition(IN, 1)])
    for _ in range(30):
        it.feed(0, "ok")
    await until(it.done)
    lane = zombie.member.lanes[Partition(IN, 0)]
    assert lane.acked == 0 and lane.pending
    session = zombie.guarantee._sessions[lane]
    with pytest.raises(Exception, match="Fenced"):
        session.producer._current()
    zombie.guarantee._committing.pop(lane).cancel()  # it wakes up, and its request comes to nothing
    lane.fail(Exception("woken"))
    await until(lambda: lane.acked == 36)
    for _ in range(5):
        it.feed(0, "ok")
    await until(it.done)
    await it.rebalance()
    await it.finish()


async def test_a_verb_without_an_answer_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: the producer is dropped, and everything is delivered by the next one."""
    monkeypatch.setattr(transaction, "WAIT_SECONDS", 0.02)
    it = world()
    await it.join()
    it.kafka.transactions.hang_at = "before_commit"
    it.feed(0, "ok")
    await until(lambda: it.processes[0].counters.commits["failed"])
    assert it.kafka.transactions.hung
    await it.finish()
    assert it.processes[0].counters.transactions["aborted"] == 1


async def test_an_abort_that_is_lost_without_a_trace_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """I3: a transaction is given up before its offset is added, and its abort does not reach the outputs: its lane aborts it again, as the
    next commit would publish it beside its repetition."""
    monkeypatch.setattr(transaction, "WAIT_SECONDS", 0.02)
    it = world()
    await it.join()
    held = it.kafka.transactions
    await until(lambda: len(it.kafka.offsets) == 2)  # each lane has committed where it began
    held.hang_at, held.lose_markers, held.traceless = "before_offsets", 1, True
    for _ in range(3):
        it.feed(0, "ok")
    await until(lambda: held.stuck)
    await it.finish()


async def test_an_offset_that_moved_without_records_is_committed() -> None:
    """Markers and holes: lag reads 0 after a transaction that holds an offset only."""
    it = world()
    await it.join()
    lane = it.processes[0].member.lanes[Partition(IN, 1)]
    await until(lambda: lane.committed == 0)
    it.kafka.put(IN, 1, None, marker=True)
    await until(lambda: it.kafka.offsets.get(Partition(IN, 1)) == 1)
    assert not it.visible(OUT)
    await it.finish()


async def test_everything_that_came_of_a_culprit_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker refuses one record of a slice: it is dead-lettered once, the others are out once, in order, and the lane sends batches again."""
    monkeypatch.setattr(exactly_once, "CLEAN_RECORDS", 20)
    it = world()
    await it.join()
    for kind in ("ok", "poison", "bad", "ok", "poison", "ok"):
        it.feed(0, kind)
    process = it.processes[0]
    await until(lambda: it.done() and sum(process.counters.processed.values()) == 6)  # counted when the commit is answered
    assert process.counters.processed == {"output": 3, "failed": 3}
    assert process.counters.dead_letters == {"no_arc": 1, "too_large": 2}
    for _ in range(30):
        it.feed(0, "ok")
    await until(lambda: it.done() and not process.guarantee._careful)
    await it.finish()


async def test_the_interval_grows_with_the_lanes() -> None:
    """Two lanes at the interval of one where a member is to pay for one only."""
    it = world()
    await it.join()
    guarantee = it.processes[0].guarantee
    guarantee._pace = type(guarantee._pace)(0.2, 0.004, 0.003, lanes=1)
    loop = asyncio.get_running_loop()
    started = loop.time()
    it.feed(0, "ok")
    await until(it.done)
    assert 0.38 < loop.time() - started < 30  # a slow neighbour may make it longer, nothing makes it shorter
    await it.finish()


async def test_a_lane_that_is_closed_while_it_opens_leaves_no_producer() -> None:
    """Starting a producer may take longer than the group waits."""
    it = world()
    await it.join()
    process = it.processes[0]
    guarantee, lane = process.guarantee, process.member.lanes[Partition(IN, 0)]
    await until(lambda: lane.phase == "running")
    start, going = guarantee._start, asyncio.Event()

    async def slowly(partition: Partition) -> Any:
        await going.wait()
        return await start(partition)

    guarantee._start = slowly
    opening = asyncio.create_task(guarantee.open(lane))
    await asyncio.sleep(0)
    lane.close()
    going.set()
    assert await opening is None
    assert lane not in guarantee._sessions
    await until(lambda: all(p.closed for p in it.kafka.producers[2:]))
    guarantee._start = start
    await it.rebalance()
    await it.finish()


async def test_a_lane_that_went_elsewhere_meanwhile_is_not_taken_to_the_start() -> None:
    """I3: its position was gone from the broker; before the broker said where to begin, a recovery had taken it past that."""
    it = world()
    await it.join()
    process = it.processes[0]
    lane = process.member.lanes[Partition(IN, 0)]
    await until(lambda: lane.phase == "running")
    answer = asyncio.Event()
    bound = process.consumer.bound

    async def late(partition: Partition, where: str) -> int:
        found = await bound(partition, where)
        await answer.wait()
        return found

    process.consumer.bound = late  # type: ignore[method-assign]
    losing = asyncio.create_task(process.member.lost(lane))
    await asyncio.sleep(0)
    for _ in range(3):
        it.feed(0, "ok")
    await until(it.done)
    answer.set()
    await losing
    assert lane.position == len(it.kafka.logs[Partition(IN, 0)])
    it.feed(0, "ok")
    await it.finish()
