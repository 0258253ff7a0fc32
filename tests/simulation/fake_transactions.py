"""The fake Kafka's transactions: ids and their epochs, what is open, markers and lost markers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.runtime.ports import Outgoing, Partition, Undelivered


@dataclass(slots=True)
class Transaction:
    """One of an id. `ends` says of each partition how the transaction ended there; its offsets have an end of their own."""

    id: str
    partitions: set[Partition] = field(default_factory=set)
    offsets: dict[Partition, int] = field(default_factory=dict)
    ends: dict[Partition | str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """A stored record; `at` is where its transaction ends, a marker is no record for anybody."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    transaction: Transaction | None = None
    at: Partition | None = None
    marker: bool = False

    @property
    def is_open(self) -> bool:
        """Nobody may read on from here yet."""
        return self.transaction is not None and self.at not in self.transaction.ends

    @property
    def visible(self) -> bool:
        """Who reads committed records gets it."""
        return not self.marker and (self.transaction is None or self.transaction.ends.get(self.at) == "committed")  # type: ignore[arg-type]


class Transactions:
    """The coordinator. `lose_markers` is of how many fences the abort does not reach the partitions, of transactions
    with offsets: without them nobody but who left it could tell (docs/guarantees.md), and `traceless` loses those too.

    What is stuck by that ends with the next transaction of its id there, in whichever way that ends: the reason for the repair.
    """

    def __init__(self, kafka: Any) -> None:
        self._kafka = kafka
        self.epochs: dict[str, int] = {}
        self.open: dict[str, Transaction] = {}
        self.stuck: list[Transaction] = []
        self.lose_markers = 0
        self.traceless = False
        self.fates: deque[str] = deque()  # of commits: ok | fail | lost (done, and nobody told)
        self.hang_at = ""
        self.hung: list[Any] = []

    def fence(self, name: str) -> int:
        """A new epoch of the id; what an earlier one has open is aborted."""
        self.epochs[name] = self.epochs.get(name, 0) + 1
        left = self.open.pop(name, None)
        if left is not None and (left.offsets or self.traceless) and self.lose_markers:
            self.lose_markers -= 1
            self.stuck.append(left)
        elif left is not None:
            self._end(left, "aborted")
        return self.epochs[name]

    def holds(self, partition: Partition) -> bool:
        """A transaction that is not over has an offset of it."""
        return any(partition in t.offsets and "offsets" not in t.ends for t in [*self.open.values(), *self.stuck])

    def end(self, name: str, how: str) -> None:
        """Commit or abort what the id has open."""
        transaction = self.open.pop(name, None)
        if transaction is not None:
            self._end(transaction, how)

    def _end(self, transaction: Transaction, how: str) -> None:
        both = [*(t for t in self.stuck if t.id == transaction.id), transaction]
        for partition in sorted(transaction.partitions):
            for each in both:
                each.ends.setdefault(partition, how)
            self._kafka.put(*partition, None, marker=True)
        moved = [each for each in both if transaction.offsets and each.offsets and "offsets" not in each.ends]
        for each in moved:
            each.ends["offsets"] = how
        if how == "committed":
            self._kafka.acked.update(r.value for log in self._kafka.logs.values() for r in log if r.transaction is transaction)
            for each in moved:
                for partition, offset in each.offsets.items():
                    self._kafka.offsets[partition] = offset
                    self._kafka.on_commit(None, partition, offset)
        for consumer in self._kafka.consumers:
            consumer.news.set()


class FakeTransactional:
    """See `worker.runtime.ports.Transactional`."""

    def __init__(self, inner: Any, name: str, owner: Any) -> None:
        self.inner, self._name, self._owner = inner, name, owner
        self._kafka, self._all = inner.kafka, inner.kafka.transactions
        self._epoch = self._all.fence(name)
        self._begun = False
        inner.write = self._write

    def _current(self) -> Transaction:
        if self._all.epochs[self._name] != self._epoch:
            raise Undelivered("ProducerFenced")
        if self._kafka.down:
            raise Undelivered("RequestTimedOutError")
        if not self._begun:
            raise Undelivered("IllegalOperation: not in a transaction")
        found: Transaction = self._all.open.setdefault(self._name, Transaction(self._name))
        return found

    async def _pass(self, point: str) -> None:
        """Whoever comes to the named point stands there for ever: the plan ends its process."""
        await asyncio.sleep(0)
        if point == self._all.hang_at:
            self._all.hang_at = ""
            self._all.hung.append(self._owner)
            await asyncio.Event().wait()

    def _write(self, target: Partition, records: list[Outgoing]) -> Exception | None:
        try:
            transaction = self._current()
        except Undelivered as error:
            return error
        transaction.partitions.add(target)
        error: Exception | None = self.inner._write(target, records, transaction=transaction, at=target)
        return error

    async def send(self, topic: str, partition: int, records: Sequence[Outgoing], done: Callable[[Exception | None], None]) -> None:
        """Queue a batch."""
        await self.inner.send(topic, partition, records, done)
        await self._pass("after_produce")

    async def begin(self) -> None:
        """Nothing that a broker hears of."""
        await asyncio.sleep(0)
        self._begun = True

    async def add_offsets(self, offsets: Mapping[Partition, int]) -> None:
        """Part of the transaction."""
        await self._pass("before_offsets")
        self._current().offsets.update(offsets)
        await self._pass("before_commit")

    async def commit(self) -> None:
        """A batch that was refused does not make it fail, as with the real client."""
        await asyncio.sleep(0)
        fate = self._all.fates.popleft() if self._all.fates else "ok"
        self._current()
        if fate == "fail":
            raise Undelivered("KafkaError: told so")
        self._all.end(self._name, "committed")
        self._begun = False
        await self._pass("in_commit")
        if fate == "lost":
            raise Undelivered("KafkaError: told so, and it was committed")

    async def repair(self, targets: Collection[Partition], offsets: Mapping[Partition, int]) -> None:
        """Abort everywhere."""
        await self.begin()
        transaction = self._current()
        transaction.partitions.update(targets)
        transaction.offsets.update(offsets)
        await asyncio.sleep(0)
        self._current()
        self._all.end(self._name, "aborted")
        self._begun = False

    async def stop(self, patience: float = 3.0) -> None:
        """As the others."""
        await self.inner.stop(patience)

    async def drop(self) -> None:
        """What is on its way may still arrive."""
        await self.inner.stop(0)
