"""Waits end, what ends them is counted, and what comes too late has no effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from fsm_core.engine.batch import BatchResult
from tests.simulation.world import IN, FakeMachine, World
from worker.delivery import group_offsets
from worker.delivery.at_least_once import AtLeastOnce
from worker.delivery.backoff import Backoff
from worker.delivery.group_offsets import GroupOffsets
from worker.delivery.routing import Part
from worker.runtime import committer
from worker.runtime.backpressure import Limits
from worker.runtime.committer import Committer
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Outgoing, Partition, Undelivered
from worker.runtime.processing import Active, Processing


def record(offset: int) -> Any:
    """One of a partition."""
    return SimpleNamespace(offset=offset, timestamp=0, key=b"k", value=b"ok:0:%d" % offset, headers=())


def lane(number: int, client: Any = None) -> Lane:
    """A running one."""
    client = client or SimpleNamespace(resume=lambda *_: None, pause=lambda *_: None, seek=lambda *_: None)
    made = Lane(Partition(IN, number), 1, client, Limits(100, 1 << 30, 0.5, 1 << 30), Counters(), Backoff(0.0001, 2, 0.0002))
    made.opened(0)
    return made


def part(records: Sequence[Any]) -> Part:
    """On its way to one target."""
    made = Part(IN, 0, list(records), 1, 0.0)
    made.groups["out", 0] = [Outgoing(0, r.key, r.value, [], i) for i, r in enumerate(records)]
    return made


async def test_a_commit_without_an_answer_is_counted_and_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: the offsets stay what they were, and go with the next one."""
    monkeypatch.setattr(group_offsets, "_COMMIT_SECONDS", 0.02)
    world = World()
    await world.join()
    process, hung = world.processes[0], list[int]()
    commit = process.consumer.commit

    async def hangs(offsets: Any) -> None:
        hung.append(1)
        if len(hung) == 1:
            await asyncio.Event().wait()
        await commit(offsets)

    process.consumer.commit = hangs  # type: ignore[method-assign]
    world.feed(0, "ok")
    await world.finish()
    assert process.counters.commits["failed"] == 1 and len(hung) > 1


async def test_an_idle_lanes_position_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: the client may not answer while the partition moves; the offsets of the others are committed all the same."""
    monkeypatch.setattr(committer, "_POSITION_SECONDS", 0.01)
    ticks = list[int]()

    async def never(_partition: Partition) -> int:
        await asyncio.Event().wait()
        return 0

    async def tick(_lanes: Any) -> None:
        ticks.append(1)

    client: Any = SimpleNamespace(position=never)
    guarantee: Any = SimpleNamespace(tick=tick)
    idle = lane(0)
    await asyncio.wait_for(Committer(client, guarantee, lambda: [idle]).tick(), 5)
    assert ticks and idle.acked == 0


async def test_offsets_of_a_closed_lane_are_not_committed() -> None:
    """I2: they are the next owner's to move."""
    told = list[Any]()

    async def commit(offsets: Any) -> None:
        told.append(dict(offsets))

    client: Any = SimpleNamespace(commit=commit)
    gone, here = lane(0), lane(1)
    gone.acked = here.acked = 5
    gone.close()
    await GroupOffsets(client, Counters()).commit([gone, here])
    assert told == [{here.partition: 5}]


async def test_what_a_call_answers_after_the_revoke_is_not_sent() -> None:
    """I2: the records are somebody else's by then."""
    gate, sent = asyncio.Event(), list[Part]()

    class Waits(FakeMachine):
        is_async = True

        async def run_async(self, values: list[bytes], _metas: Any, _now: float) -> BatchResult:
            await gate.wait()
            return self.run(values)

    async def send(_lane: Lane, done: Part) -> None:
        sent.append(done)

    guarantee: Any = SimpleNamespace(send=send)
    process = Processing(lambda: Active(Waits(), World().router), guarantee, Counters(), lambda _lane, _part: False)
    for closes in (False, True):
        gate.clear()
        at = lane(0)
        running = asyncio.create_task(process(at, 0.0, [record(0)], 1))
        await asyncio.sleep(0)
        if closes:
            at.close()
        gate.set()
        await running
    assert len(sent) == 1


class Keeps:
    """A producer that remembers how it is to answer, by topic."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Callable[[Exception | None], None]]] = []

    async def send(self, topic: str, _partition: int, _records: Any, done: Callable[[Exception | None], None]) -> None:
        self.done.append((topic, done))

    async def stop(self, _patience: float = 3.0) -> None: ...


def at_least_once() -> tuple[AtLeastOnce, list[Keeps]]:
    """And the producers that it makes."""
    producers = list[Keeps]()

    async def make() -> Any:
        producers.append(Keeps())
        return producers[-1]

    offsets: Any = SimpleNamespace(committed=None, commit=None)
    return AtLeastOnce(offsets, make, make, lambda: World().router, Counters(), lambda: Backoff(0.0001, 2, 0.0002)), producers


async def test_a_lane_leaves_a_replaced_producer_only_when_nothing_is_under_way_on_it() -> None:
    """I4: else a later record could be there before an earlier one that is sent again."""
    it, producers = at_least_once()
    one, other = lane(0), lane(1)
    await it.send(one, part([record(0)]))
    other.version = it.version
    other.fail(Undelivered("a batch of another lane failed"))
    await it.recover(other)
    assert len(producers) == 2 and len(producers[0].done) == 1
    following = asyncio.create_task(it.send(one, part([record(1)])))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not producers[1].done
    producers[0].done[0][1](None)
    await following
    assert len(producers[1].done) == 1 and one.acked == 1
    await it.stop()


async def test_an_acknowledgement_of_an_earlier_attempt_counts_for_nothing() -> None:
    """I1: it would stand for a batch that is not acknowledged."""
    it, producers = at_least_once()
    one, sent = lane(0), part([record(0)])
    sent.groups["other", 0] = sent.groups["out", 0]
    await it.send(one, sent)
    (_, late), (_, failed) = producers[0].done
    failed(Undelivered("told so"))
    await it.recover(one)
    late(None)
    again = dict(producers[1].done)
    assert again.keys() == {"out", "other"}
    again["out"](None)
    assert one.acked == 0
    again["other"](None)
    assert one.acked == 1
    await it.stop()


@pytest.mark.parametrize("end", [lambda x: x.close(), lambda x: x.fail(Undelivered("told so"))], ids=["revoked", "in trouble"])
async def test_a_lane_that_ends_in_doubt_sends_nothing(end: Callable[[Lane], None]) -> None:
    """I2: what waited for the group to say whose the partition is goes to nobody."""
    doubtful = lane(0)
    doubtful.pause("membership")
    waiting = asyncio.create_task(doubtful.may_send())
    await asyncio.sleep(0)
    assert not waiting.done()
    end(doubtful)
    assert await asyncio.wait_for(waiting, 5) is False
