"""A group of real members, lanes and producers' keepers on the fake Kafka, and the oracle that watches what they do."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fsm_core.engine.batch import SOURCE, BatchResult, Failure
from tests.simulation.fake_kafka import FakeConsumer, FakeKafka
from tests.simulation.fake_transactions import Record
from worker.delivery.at_least_once import AtLeastOnce
from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.exactly_once import ExactlyOnce
from worker.delivery.group_offsets import GroupOffsets
from worker.delivery.routing import Router
from worker.delivery.transaction import Pace
from worker.runtime.backpressure import Limits
from worker.runtime.member import Member, Policy
from worker.runtime.observation import Counters
from worker.runtime.ports import Partition, TopicFacts
from worker.runtime.processing import Active
from worker.runtime.reader import Reader

IN, OUT, DEAD = "in", "out", "dead"
FETCH, MOST_IN_FLIGHT = 7, 12


def facts(name: str, partitions: int = 2, **other: Any) -> TopicFacts:
    """A topic that refuses nothing."""
    given: dict[str, Any] = {"max_message_bytes": 1_000_000, "compacted": False, "before_max_ms": 1 << 60, "after_max_ms": 1 << 60,
                             "retention_ms": -1, "log_append_time": False}
    return TopicFacts(name, partitions, **{**given, **other})


def router_config(**other: Any) -> Any:
    """The part of a configuration that a router reads."""
    output = {"topic": OUT, "routes": {}, "headers": "copy", "timestamp": "source", "provenance": False, **other}
    return SimpleNamespace(output=SimpleNamespace(**output), input=SimpleNamespace(tombstones="pass"))


class FakeMachine:
    """ok and poison come out as they are, bad fails, drop is dropped."""

    is_async = False

    def run(self, values: list[bytes], _metas: Any = None, _now: Any = None) -> BatchResult:
        """One batch."""
        result = BatchResult()
        for position, value in enumerate(values):
            if value.startswith(b"bad"):
                result.failures.append((position, Failure("no_arc", state="start", message="as told")))
            elif value.startswith(b"drop"):
                result.dropped += 1
            else:
                result.rows.append((position, None, value, SOURCE, None, None))
        return result


class Process:
    """One worker process: its consumer, member, reader and commit ticks."""

    def __init__(self, world: World, drain: float) -> None:
        self.world, self.consumer, self.counters = world, FakeConsumer(world.kafka), Counters()
        self.stops: list[BaseException | str] = []
        self.active = Active(world.machine, world.router)

        def backoff() -> Backoff:
            return Backoff(0.001, 2, 0.004)

        router = lambda: self.active.router  # noqa: E731 - asked anew each time
        self.guarantee: Any = AtLeastOnce(GroupOffsets(self.consumer, self.counters), world.kafka.producer(), world.kafka.producer(False), router,
                                          self.counters, backoff, world.look_again)
        if world.guarantee == "exactly_once":
            targets = [Partition(topic, n) for topic in (OUT, DEAD) for n in range(2)]
            self.guarantee = ExactlyOnce(world.kafka.transactional(self.consumer), self.consumer, router, lambda: targets, self.counters,
                                         Pace(0.003, 0.004, 0.003), world.look_again)
        self.limits = world.limits()
        breaker = Breaker(world.breaker)
        self.member = Member(self.consumer, self.guarantee, lambda: self.active, Policy(3, 0.0, drain, "earliest", world.session), self.limits,
                             breaker, self.counters, backoff, self.stops.append, world.quarantine)
        self.reader = Reader(self.consumer, self.member.lanes, self.counters, self.limits, FETCH, self.member.lost)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join and turn."""
        await self.consumer.start([IN], self.member)
        self._tasks = [asyncio.create_task(self.reader.run()), asyncio.create_task(self._ticks())]

    async def _ticks(self) -> None:
        while not self.consumer.gone and not self.reader.stopping:
            await asyncio.sleep(0.002)
            self.member.membership.pulse()
            await self.member.committer.tick()
            for lane in self.member.lanes.values():
                assert lane.in_flight <= self.limits.records, "I5"
                assert lane.in_flight >= 0 and lane.in_flight_bytes >= 0

    async def crash(self) -> None:
        """Gone from one instant to the next; batches on their way may still arrive."""
        self.consumer.gone = True
        tasks = [*self._tasks, *self.member.tasks.values()]
        self.reader.stopping = True
        while left := [t for t in tasks if not t.done()]:  # a wait that ends at the same instant may swallow a cancellation
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.01)
        self.world.kafka.consumers.remove(self.consumer)
        for task in self.guarantee._committing.values() if self.world.guarantee == "exactly_once" else ():
            task.cancel()
        for session in self.guarantee._sessions.values() if self.world.guarantee == "exactly_once" else ():
            session.drop()

    async def stop(self) -> bool:
        """Drain and leave; False when the deadline came first."""
        self.reader.stopping = True
        await asyncio.wait_for(self._tasks[0], 2)
        drained = await self.member.hand_over(list(self.member.lanes.values()))
        self._tasks[1].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._tasks[1]
        await self.consumer.stop()
        await self.guarantee.stop()
        return drained


@dataclass
class World:
    """Everything, and what must hold of it."""

    partitions: int = 2
    kafka: FakeKafka = field(default_factory=FakeKafka)
    processes: list[Process] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    session: float = 10.0
    guarantee: str = "at_least_once"
    limits: Callable[[], Limits] = lambda: Limits(MOST_IN_FLIGHT, 1 << 30, 0.5, 1 << 30, FETCH)
    machine: Any = field(default_factory=FakeMachine)
    quarantine: Any = None
    breaker: Any = field(default_factory=lambda: SimpleNamespace(action="off"))

    def __post_init__(self) -> None:
        dead = DeadLetters({DEAD: facts(DEAD)}, DEAD, "machine", "digest")
        self.router = Router(router_config(), {OUT: facts(OUT), DEAD: facts(DEAD)}, dead)
        self.kafka.on_commit = self._committed
        self.kafka.refuse = lambda topic, record: topic == OUT and (record[2] or b"").startswith(b"poison")

    async def look_again(self) -> None:
        """Producers made from now on know how much the broker takes."""
        self.kafka.batch = self.kafka.most_in_batch

    def feed(self, partition: int, kind: str) -> None:
        """One more input record: ok, bad, drop or poison (refused by the broker)."""
        offset = len(self.kafka.logs[Partition(IN, partition)])
        self.kafka.put(IN, partition, f"{kind}:{partition}:{offset}".encode(), f"k{offset % 3}.{partition}".encode())

    def _committed(self, _consumer: FakeConsumer | None, partition: Partition, offset: int) -> None:
        if self.guarantee == "exactly_once":
            expected = [r.value for r in self.kafka.logs[partition][:offset] if r.visible and not (r.value or b"").startswith(b"drop")]
            there = [r.value for r in self.visible(OUT) + self.visible(DEAD) if (r.value or b"").split(b":")[1] == b"%d" % partition.partition]
            if sorted(expected) != sorted(there):  # type: ignore[type-var]
                self.broken.append(f"I3: {partition} committed at {offset}, readers see {there}")
            return
        for record in self.kafka.logs[partition][self.kafka.offsets.get(partition, 0):offset]:
            if not (record.value or b"").startswith(b"drop") and record.value not in self.kafka.acked:
                self.broken.append(f"I1: {partition} committed at {offset}, {record.value!r} is not acknowledged")

    async def join(self, drain: float = 1.0) -> None:
        """One more process in the group."""
        process = Process(self, drain)
        self.processes.append(process)
        await process.start()
        await self.rebalance()

    async def rebalance(self, shift: int = 0) -> None:
        """Deal the partitions out anew."""
        shares: dict[FakeConsumer, list[Partition]] = {p.consumer: [] for p in self.processes}
        for number in range(self.partitions):
            shares[self.processes[(number + shift) % len(self.processes)].consumer].append(Partition(IN, number))
        await self.kafka.rebalance(shares)

    async def crash(self, victim: Process | None = None) -> None:
        """A process (the first) dies, a new one takes its place."""
        victim = victim or self.processes[0]
        self.processes.remove(victim)
        await victim.crash()
        await self.join()

    async def crash_at(self, point: str) -> None:
        """The first process that comes to the named point dies there; if none does, the first one."""
        self.kafka.transactions.hang_at = point
        end = asyncio.get_running_loop().time() + 0.01
        while not self.kafka.transactions.hung and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - the plan looks on from outside
            await asyncio.sleep(0)
        self.kafka.transactions.hang_at = ""
        hung, self.kafka.transactions.hung = self.kafka.transactions.hung, []
        await self.crash(next((p for p in self.processes if p.consumer in hung), None))

    async def zombie(self, seconds: float) -> None:
        """The group gives the first process's partitions to the others, and tells it only later."""
        victim, *heirs = self.processes
        victim.consumer.expired = True
        for heir in heirs:
            await heir.consumer.give_up()
        for number, heir in enumerate(heirs):
            heir.consumer.take_over([Partition(IN, n) for n in range(self.partitions) if n % len(heirs) == number])
        await asyncio.sleep(seconds)
        await self.rebalance()

    def done(self) -> bool:
        """Everything is committed."""
        return all(self.kafka.offsets.get(Partition(IN, n), 0) == len(self.kafka.logs[Partition(IN, n)]) for n in range(self.partitions))

    async def finish(self, patience: float = 5.0) -> None:
        """Wait until everything is committed, stop, and judge."""
        end = asyncio.get_running_loop().time() + patience
        while not self.done() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - the oracle looks on from outside
            await asyncio.sleep(0.002)
        lanes = [(str(x), x.phase, x.reasons, x.acked, [p.left for p in x.pending], len(x.queue)) for p in self.processes for x in p.member.lanes.values()]
        assert self.done(), f"stuck: {self.kafka.offsets} {lanes}"
        for process in self.processes:
            assert await process.stop(), "a drain without work does not hang"
            assert process.limits.total_bytes == 0
            assert not process.stops, process.stops
        self.judge()

    def judge(self) -> None:
        """I1, I2, I4 and I6 over what was written."""
        assert not self.broken, self.broken
        assert not self.kafka.trespasses, "I2"
        outputs, dead = self._written(OUT), self._written(DEAD)
        for number in range(self.partitions):
            partition = Partition(IN, number)
            for record in filter(lambda r: r.visible, self.kafka.logs[partition][:self.kafka.offsets.get(partition, 0)]):
                kind = (record.value or b"").split(b":")[0]
                places = (record.value in outputs, record.value in dead)
                assert places == {b"ok": (True, False), b"bad": (False, True), b"poison": (False, True), b"drop": (False, False)}[kind], f"I6: {record.value!r}"
        if self.guarantee == "exactly_once":
            twice = [v for v, n in Counter(r.value for r in self.visible(OUT) + self.visible(DEAD)).items() if n > 1]
            assert not twice, f"I3: {twice}"
        for key in {r.key for r in outputs.values()}:
            firsts = [int((v or b"").split(b":")[2]) for v, r in outputs.items() if r.key == key]
            assert firsts == sorted(firsts), f"I4: {key!r} {firsts}"

    def _written(self, topic: str) -> dict[bytes | None, Record]:
        """First occurrences in the order in which they were written."""
        found: dict[bytes | None, Record] = {}
        for record in self.visible(topic):
            found.setdefault(record.value, record)
        return found

    def visible(self, topic: str) -> list[Record]:
        """What a reader of committed records sees, in order within a partition."""
        return [r for partition, log in list(self.kafka.logs.items()) if partition.topic == topic for r in log if r.visible]
