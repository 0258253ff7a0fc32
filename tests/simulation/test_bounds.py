"""What a member holds does not grow with its life, and the loop turns between any two slices."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from fsm_core.engine.batch import BatchResult, Failure
from fsm_core.engine.protocol import Pending, perform
from tests.simulation.fake_kafka import FakeProducer
from tests.simulation.world import IN, FakeMachine, World
from worker.delivery.at_least_once import AtLeastOnce
from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.exactly_once import ExactlyOnce
from worker.delivery.group_offsets import GroupOffsets
from worker.delivery.transaction import Pace
from worker.runtime.backpressure import Limits
from worker.runtime.lane import Lane
from worker.runtime.member import Member, Policy
from worker.runtime.observation import Counters
from worker.runtime.ports import Outgoing, Partition, Refused
from worker.runtime.processing import Active

BOTH = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
HERE = Partition(IN, 0)
SLICE = 20
KEPT = 16_000
"""Bytes that may be there more after 3,000 records than before: not six for each."""


class Hole:
    """A producer of any kind that takes everything but poison, and keeps nothing."""

    async def send(self, _topic: str, _partition: int, records: Sequence[Outgoing], done: Callable[[Exception | None], None]) -> None:
        await asyncio.sleep(0)
        done(Refused("MessageSizeTooLargeError: refused") if any((r[2] or b"").startswith(b"poison") and r[5] is None for r in records) else None)

    async def begin(self) -> None: ...
    async def add_offsets(self, _offsets: Any) -> None: ...
    async def commit(self) -> None: ...
    async def drop(self) -> None: ...
    async def stop(self, _patience: float = 3.0) -> None: ...


class Client:
    """A consumer of one partition that is fed by hand."""

    heard = 0.0

    async def committed(self, partitions: Iterable[Partition], _patience: float | None = None) -> dict[Partition, None]:
        return dict.fromkeys(partitions)

    async def bound(self, *_: Any) -> int:
        return 0

    async def position(self, *_: Any) -> int:
        return -1

    async def commit(self, _offsets: Any) -> None: ...
    def seek(self, *_: Any) -> None: ...
    def pause(self, *_: Any) -> None: ...
    def resume(self, *_: Any) -> None: ...


class Complains(FakeMachine):
    """Every failure's words and state are its own."""

    def run(self, values: list[bytes], _metas: Any = None, _now: Any = None) -> BatchResult:
        result = super().run(values)
        result.failures = [(p, Failure("no_arc", state="start", message=f"no way for {values[p]!r}")) for p, _ in result.failures]
        return result


class Life:
    """A member with one partition, and records whose keys, values and errors never repeat."""

    def __init__(self, guarantee: str) -> None:
        world, self.counters, self.stops, self.offset = World(), Counters(), list[Any](), 0
        client: Any = Client()

        async def make(*_: Any) -> Any:
            return Hole()

        def backoff() -> Backoff:
            return Backoff(0.0001, 2, 0.0002)

        made: Any = AtLeastOnce(GroupOffsets(client, self.counters), make, make, lambda: world.router, self.counters, backoff)
        if guarantee == "exactly_once":
            made = ExactlyOnce(make, client, lambda: world.router, lambda: (), self.counters, Pace(0.0001, 0.0001), world.look_again)
        active = Active(Complains(), world.router)
        self.member = Member(client, made, lambda: active, Policy(SLICE, 0.0, 1.0, "earliest"), Limits(1 << 30, 1 << 40, 0.5, 1 << 40),
                             Breaker(SimpleNamespace(action="off")), self.counters, backoff, self.stops.append)
        self.member.assigned([HERE])

    async def go_on(self, records: int, poison: bool) -> None:
        """So many more records, and everything is committed."""
        lane = self.member.lanes[HERE]
        async with asyncio.timeout(30):
            while lane.phase != "running":
                await asyncio.sleep(0)
            for _ in range(records // SLICE):
                fed = [self._record(poison) for _ in range(SLICE)]
                lane.take(fed, SLICE * 20)
                del fed
                while lane.in_flight:
                    assert not self.stops
                    await asyncio.sleep(0)
                await self.member.committer.tick()

    def _record(self, poison: bool) -> Any:
        offset, self.offset = self.offset, self.offset + 1
        kind = b"poison" if poison and offset % 40 == 7 else (b"ok", b"bad", b"drop")[offset % 3]
        return SimpleNamespace(offset=offset, timestamp=1000, key=b"key-%d" % offset, value=b"%s:%d" % (kind, offset), headers=[("h", b"%d" % offset)])


@pytest.mark.parametrize("guarantee, poison", [("at_least_once", False), ("at_least_once", True), ("exactly_once", False)])
async def test_memory_does_not_grow_with_records_keys_or_errors(guarantee: str, poison: bool) -> None:
    """I8: after 4,500 records a member holds what it held after 1,500; in isolation too."""
    life = Life(guarantee)
    tracemalloc.start()
    try:
        await life.go_on(1500, poison)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await life.go_on(3000, poison)
        gc.collect()
        more = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        await life.member.abandon()
    assert sum(life.counters.processed.values()) == 4500
    assert more < KEPT, f"{more} bytes more"


@BOTH
async def test_rebalances_leave_nothing_behind(guarantee: str) -> None:
    """I8: lanes, their tasks and their producers go with the assignment, however many there were."""
    world = World(guarantee=guarantee)
    await world.join()
    await world.join()
    for turn in range(10):
        world.feed(turn % 2, "poison" if turn % 3 == 0 else "ok")
        await asyncio.sleep(0.003)
        await world.rebalance(turn)
    for process in world.processes:
        member, held = process.member, {*process.member.lanes.values()}
        assert {*member.tasks} <= held and len(held) == 1
        keepers = (process.guarantee._isolations,) if guarantee == "at_least_once" else (process.guarantee._sessions, process.guarantee._committing, process.guarantee._careful)
        assert all({*kept} <= held for kept in keepers)
    await world.finish()


@BOTH
@pytest.mark.parametrize("kind", ["ok", "drop"])
async def test_the_loop_turns_between_slices(guarantee: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: heartbeats live there. Also where nothing is sent that could be waited for, and where the client takes it at once."""
    queue = FakeProducer.send

    async def at_once(*given: Any) -> None:
        sending = queue(*given)
        with contextlib.suppress(StopIteration):
            while True:
                sending.send(None)

    monkeypatch.setattr(FakeProducer, "send", at_once)
    turns, seen = [0], list[tuple[int, int]]()

    class Looks(FakeMachine):
        def run(self, values: list[bytes], _metas: Any = None, _now: Any = None) -> BatchResult:
            seen.append((turns[0], len(values)))
            return super().run(values)

    def turn() -> None:
        turns[0] += 1
        asyncio.get_running_loop().call_soon(turn)

    world = World(partitions=1, guarantee=guarantee, machine=Looks())
    for _ in range(40):
        world.feed(0, kind)
    asyncio.get_running_loop().call_soon(turn)
    await world.join()
    await world.finish()
    assert sum(size for _, size in seen) >= 40 and max(size for _, size in seen) <= 3, "a slice is what the policy says"
    assert len({at for at, _ in seen}) == len(seen), "two slices in one turn"


async def test_a_function_that_blocks_holds_its_thread_and_not_the_loop() -> None:
    """I9: the loop goes on while it waits, and can even be what it waits for."""
    told = threading.Event()
    call = asyncio.create_task(perform(Pending("f", lambda _: told.wait(3), [{}])))
    await asyncio.sleep(0.01)
    told.set()
    assert await call == [True]


def test_bytes_fill_a_lane_as_records_do() -> None:
    """I8 and I5: ten records of a hundred bytes are too much where 500 are allowed, however many records are."""
    client: Any = SimpleNamespace(resume=lambda *_: None, pause=lambda *_: None)
    lane = Lane(HERE, 1, client, Limits(1000, 500, 0.5, 1 << 30), Counters(), Backoff(0.001, 2, 0.01))
    lane.opened(0)
    lane.take([SimpleNamespace(offset=n, timestamp=0, key=None, value=b"x" * 100, headers=()) for n in range(4)], 400)
    assert lane.ready
    lane.take([SimpleNamespace(offset=4, timestamp=0, key=None, value=b"x" * 100, headers=())], 100)
    assert lane.reasons == {"backpressure"}


