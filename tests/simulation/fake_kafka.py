"""A Kafka in memory behind the worker's ports, with trouble on demand."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.fake_transactions import FakeTransactional, Record, Transactions
from worker.runtime.ports import EpochOver, OffsetOutOfRange, Outgoing, Partition, Unavailable, Undelivered, Unsettled
from worker.runtime.ports import Refused as RefusedByBroker

Batches = Callable[[str, int, Sequence[Outgoing]], str]
"""Says what becomes of a batch: ok | fail (not written) | lost (written, its acknowledgement lost)."""


@dataclass
class FakeKafka:
    """Topics, one group's offsets, and the trouble that is on now."""

    logs: dict[Partition, list[Record]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[Partition, int] = field(default_factory=lambda: defaultdict(int))
    offsets: dict[Partition, int] = field(default_factory=dict)
    acked: set[bytes | None] = field(default_factory=set)  # values whose writer was told so
    consumers: list[FakeConsumer] = field(default_factory=list)
    producers: list[FakeProducer] = field(default_factory=list)
    down: bool = False
    refuse: Callable[[str, Outgoing], bool] = lambda _topic, _record: False
    most_in_batch: int = 1 << 30  # records; the broker refuses a larger batch
    batch: int = 1 << 30  # records; what producers made from now on put into one
    fate: Batches = lambda _topic, _partition, _records: "ok"
    ack_turns: Callable[[], int] = lambda: 0
    commit_trouble: deque[Exception] = field(default_factory=deque)
    on_commit: Callable[[FakeConsumer | None, Partition, int], None] = lambda _consumer, _partition, _offset: None
    sends: int = 0
    trespasses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transactions = Transactions(self)

    def put(self, topic: str, partition: int, value: bytes | None, key: bytes | None = None, timestamp: int = 0,
            headers: Sequence[tuple[str, bytes | None]] = (), **transaction: Any) -> int:
        """Append a record."""
        log = self.logs[Partition(topic, partition)]
        log.append(Record(len(log), timestamp, key, value, headers, **transaction))
        for consumer in self.consumers:
            consumer.news.set()
        return len(log) - 1

    async def rebalance(self, shares: Mapping[FakeConsumer, Collection[Partition]]) -> None:
        """Eager: every member gives up all it has, then gets its share."""
        members = list(shares)
        await asyncio.gather(*(c.give_up() for c in members))
        for consumer in members:
            consumer.take_over(shares[consumer])

    def producer(self, idempotent: bool = True) -> Callable[[], Any]:
        """A factory of producers."""

        async def make() -> FakeProducer:
            await asyncio.sleep(0)
            if self.down:
                raise Unavailable("the fake is down")
            made = FakeProducer(self, idempotent)
            self.producers.append(made)
            return made

        return make

    def transactional(self, owner: FakeConsumer | None = None) -> Callable[[Partition], Any]:
        """Starts producers of a partition's id, each of which shuts out the one before."""

        async def make(partition: Partition) -> FakeTransactional:
            await asyncio.sleep(0)
            if self.down:
                raise Unavailable("the fake is down")
            made = FakeTransactional(FakeProducer(self, True), f"g/{partition.topic}/{partition.partition}", owner)
            self.producers.append(made.inner)
            return made

        return make


class FakeConsumer:
    """See `worker.runtime.ports.Consumer`."""

    def __init__(self, kafka: FakeKafka) -> None:
        self.kafka = kafka
        self.positions: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.fetched: dict[Partition, float] = {}
        self.news = asyncio.Event()
        self.listener: Any = None
        self.expired = False  # out of the group, and not told yet
        self.gone = False  # crashed or fenced: nothing of it counts any more
        kafka.consumers.append(self)

    @property
    def heard(self) -> float:
        """Now, or never."""
        return 0.0 if self.kafka.down or self.gone else time.monotonic()

    async def start(self, topics: Sequence[str], listener: Any) -> None:
        """Join; `FakeKafka.rebalance` gives partitions."""
        if self.kafka.down:
            raise Unavailable("the fake is down")
        self.listener = listener

    async def stop(self) -> None:
        """Leave without a word to the listener, as aiokafka does."""
        self.positions.clear()

    async def give_up(self) -> None:
        """Revoke everything."""
        mine = list(self.positions)
        await self.listener.revoked(mine)
        self.positions.clear()

    def take_over(self, partitions: Collection[Partition]) -> None:
        """Assign: paused at first, without a position, as the real adapter does it."""
        self.expired = False
        self.positions = dict.fromkeys(partitions, -1)
        self.paused = set(partitions)
        self.listener.assigned(list(partitions))

    async def fetch(self, ready: Sequence[Partition], max_records: int, timeout: float) -> Mapping[Partition, list[Record]]:
        """What is there of the ready partitions that are not paused; waits for news."""
        end = asyncio.get_running_loop().time() + timeout
        while True:
            if any(p not in self.positions for p in ready):
                return {}
            found = {} if self.kafka.down or self.gone else self._found(ready or list(self.positions), max_records)
            left = end - asyncio.get_running_loop().time()
            if found or left <= 0:
                return found
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), min(left, 0.005))
            except TimeoutError:
                continue

    def _found(self, ready: Sequence[Partition], most: int) -> dict[Partition, list[Record]]:
        found: dict[Partition, list[Record]] = {}
        for partition in ready:
            at = self.positions[partition]
            if partition in self.paused or at < 0:
                continue
            self.fetched[partition] = time.time()
            if at < self.kafka.starts[partition] or at > len(self.kafka.logs[partition]):
                raise OffsetOutOfRange([partition])
            records: list[Record] = []
            for record in self.kafka.logs[partition][at:self.high_watermark(partition)]:
                if len(records) == most:
                    break
                at = record.offset + 1
                records += [record] if record.visible else []
            self.positions[partition] = at
            if records:
                most -= len(records)
                found[partition] = records
            if most <= 0:
                break
        return found

    def assignment(self) -> Collection[Partition]:
        """What this member has."""
        return set(self.positions)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`."""
        self._mine("seek", partition)
        self.positions[partition] = offset
        self.news.set()

    def pause(self, *partitions: Partition) -> None:
        """Hand out no more of these."""
        for partition in partitions:
            self._mine("pause", partition)
            self.paused.add(partition)

    def resume(self, *partitions: Partition) -> None:
        """Hand them out again."""
        for partition in partitions:
            self._mine("resume", partition)
            self.paused.discard(partition)
        self.news.set()

    def _mine(self, verb: str, partition: Partition) -> None:
        if partition not in self.positions and not self.gone:
            self.kafka.trespasses.append(f"{verb} of {partition} by one who does not have it")
            raise RuntimeError(f"{verb}: {partition} is not assigned")

    def high_watermark(self, partition: Partition) -> int:
        """The end of what is settled."""
        return next((r.offset for r in self.kafka.logs[partition] if r.is_open), len(self.kafka.logs[partition]))

    def fetched_at(self, partition: Partition) -> float:
        """When it was last looked into."""
        return self.fetched.get(partition, 0.0)

    async def position(self, partition: Partition) -> int:
        """The next offset that is handed out."""
        if partition not in self.positions:
            raise RuntimeError(f"position: {partition} is not assigned")
        return self.positions[partition]

    async def committed(self, partitions: Collection[Partition], patience: float | None = None) -> dict[Partition, int | None]:
        """The group's offsets."""
        await asyncio.sleep(0)
        if self.kafka.down:
            raise Unavailable("the fake is down")
        end = asyncio.get_running_loop().time() + (patience or 0)
        while any(self.kafka.transactions.holds(p) for p in partitions):
            if patience is not None and asyncio.get_running_loop().time() > end:
                raise Unsettled("a transaction is not over")
            await asyncio.sleep(0.0005)
        return {p: self.kafka.offsets.get(p) for p in partitions}

    async def bound(self, partition: Partition, where: str) -> int:
        """The first or the next offset."""
        if self.kafka.down:
            raise Unavailable("the fake is down")
        return self.kafka.starts[partition] if where == "earliest" else len(self.kafka.logs[partition])

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit, or the trouble that is next in line."""
        await asyncio.sleep(0)
        if self.kafka.commit_trouble:
            raise self.kafka.commit_trouble.popleft()
        if self.kafka.down:
            raise Unavailable("the fake is down")
        if self.gone or self.expired or any(p not in self.positions for p in offsets):
            raise EpochOver("not a member of this generation")
        for partition, offset in offsets.items():
            self.kafka.on_commit(self, partition, offset)
            self.kafka.offsets[partition] = offset


class FakeProducer:
    """See `worker.runtime.ports.Producer`: one batch a partition under way, the others wait; an idempotent one is poisoned by a failure."""

    def __init__(self, kafka: FakeKafka, idempotent: bool) -> None:
        self.kafka, self.idempotent = kafka, idempotent
        self.poisoned: set[Partition] = set()
        self.closed = False
        self.batch = kafka.batch
        self.write = self._write
        self._queues: dict[Partition, deque[tuple[list[Outgoing], Callable[[Exception | None], None]]]] = defaultdict(deque)
        self._tasks: dict[Partition, asyncio.Task[None]] = {}

    async def send(self, topic: str, partition: int, records: Sequence[Outgoing], done: Callable[[Exception | None], None]) -> None:
        """Queue a batch."""
        self.kafka.sends += 1
        await asyncio.sleep(0)
        if self.closed:
            raise Undelivered("ProducerClosed")
        target, left, first = Partition(topic, partition), -(-len(records) // self.batch), []

        def told(error: Exception | None) -> None:
            nonlocal left
            left -= 1
            first.extend([error] if error else [])
            if not left:
                done(first[0] if first else None)

        self._queues[target].extend((list(records[at:at + self.batch]), told) for at in range(0, len(records), self.batch))
        if target not in self._tasks:
            self._tasks[target] = asyncio.create_task(self._work(target))

    async def _work(self, target: Partition) -> None:
        queue = self._queues[target]
        while queue:
            records, done = queue.popleft()
            for _ in range(1 + self.kafka.ack_turns()):
                await asyncio.sleep(0)
            error = self.write(target, records)
            for _ in range(self.kafka.ack_turns()):
                await asyncio.sleep(0)
            if error is None and self.write == self._write:
                self.kafka.acked.update(r[2] for r in records)
            elif error is not None and self.idempotent:
                self.poisoned.add(target)
            done(error)
        del self._tasks[target]

    def _write(self, target: Partition, records: list[Outgoing], **transaction: Any) -> Exception | None:
        if target in self.poisoned:
            return Undelivered("OutOfOrderSequenceNumber")
        if self.kafka.down:
            return Undelivered("RequestTimedOutError")
        if len(records) > self.kafka.most_in_batch or any(self.kafka.refuse(target.topic, r) for r in records):
            return RefusedByBroker("MessageSizeTooLargeError: refused")
        fate = self.kafka.fate(*target, records)
        if fate == "fail":
            return Undelivered("RequestTimedOutError")
        for r in records:
            self.kafka.put(*target, r[2], r[1], r[0], list(r[3]), **transaction)
        return Undelivered("NetworkException: the acknowledgement is lost") if fate == "lost" else None

    async def stop(self, patience: float = 3.0) -> None:
        """Let what is queued end, then fail what is left."""
        self.closed = True
        tasks = list(self._tasks.values())
        if tasks and patience:
            await asyncio.wait(tasks, timeout=patience)
        for queue in self._queues.values():
            while queue:
                queue.popleft()[1](Undelivered("ProducerClosed"))
