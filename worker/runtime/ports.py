"""What the runtime and delivery need of Kafka, as small Protocols; `worker/kafka` and the tests' fake implement them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Partition(NamedTuple):
    """A topic-partition: equal and hash-equal to any client's own tuple of the two."""

    topic: str
    partition: int


class SourceRecord(Protocol):
    """A fetched record; `timestamp` is in ms, `headers` a sequence of (text, bytes or None) in order."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


NO_RECORD = -1
"""The position of what belongs to a whole part: it must be taken, as a dead letter must."""


class Outgoing(NamedTuple):
    """One record on its way out (the hot path makes plain tuples of this order); `timestamp` in ms.

    `position` is the index of its input in its part, or NO_RECORD; `dead` is the reason if it is a dead letter.
    """

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    position: int
    dead: str | None = None


class EpochOver(Exception):
    """A commit came after the member lost its place in the group: the lanes it spoke for belong to others."""


class Unavailable(Exception):
    """Kafka does not answer now; waiting and trying again is right."""


class Unsettled(Exception):
    """The committed offset is not known: a transaction that holds one is not over."""


class OffsetOutOfRange(Exception):
    """Offsets to read from are not on the broker any more; holds the partitions."""

    def __init__(self, partitions: Collection[Partition]) -> None:
        self.partitions = list(partitions)
        super().__init__(f"offset out of range: {', '.join(f'{p.topic}:{p.partition}' for p in self.partitions)}")


class Refused(Exception):
    """The broker refused a batch for what a record in it is: sending it again changes nothing."""


class Undelivered(Exception):
    """A batch was not acknowledged, and its producer cannot be trusted any more."""


class Misrouted(Undelivered):
    """The topic is unknown or forbidden: not the record's fault, loud, tried again."""


class RebalanceListener(Protocol):
    """What the group tells us; `assigned` must not await."""

    def assigned(self, partitions: Collection[Partition]) -> None: ...
    async def revoked(self, partitions: Collection[Partition]) -> None: ...


class Consumer(Protocol):
    """A group member's reading side. Offsets are the next to read. `heard` is when the group's broker last answered, in monotonic seconds.

    `committed` waits while a transaction may still move an offset; with `patience` it raises Unsettled after so many seconds of that.
    """

    @property
    def heard(self) -> float: ...
    async def start(self, topics: Sequence[str], listener: RebalanceListener) -> None: ...
    async def stop(self) -> None: ...
    async def fetch(self, ready: Sequence[Partition], max_records: int, timeout: float) -> Mapping[Partition, list[Any]]: ...
    def assignment(self) -> Collection[Partition]: ...
    def seek(self, partition: Partition, offset: int) -> None: ...
    def pause(self, *partitions: Partition) -> None: ...
    def resume(self, *partitions: Partition) -> None: ...
    def high_watermark(self, partition: Partition) -> int: ...
    def fetched_at(self, partition: Partition) -> float: ...
    async def position(self, partition: Partition) -> int: ...
    async def committed(self, partitions: Collection[Partition], patience: float | None = None) -> dict[Partition, int | None]: ...
    async def bound(self, partition: Partition, where: str) -> int: ...
    async def commit(self, offsets: Mapping[Partition, int]) -> None: ...


class Producer(Protocol):
    """One producer's life. `send` queues a batch in the order of calls and calls `done(error or None)` exactly once."""

    async def send(self, topic: str, partition: int, records: Sequence[Outgoing], done: Callable[[Exception | None], None]) -> None: ...
    async def stop(self, patience: float = 3.0) -> None: ...


class Transactional(Producer, Protocol):
    """A producer of one transactional id: while it lives it has shut out every earlier one of that id, whose open transaction is aborted.

    After any exception nothing but `drop` is to be called: what the client would do with the transaction then cannot be relied on.
    Each verb raises Refused, Misrouted or Undelivered.
    """

    async def begin(self) -> None: ...
    async def add_offsets(self, offsets: Mapping[Partition, int]) -> None: ...
    async def commit(self) -> None: ...

    async def repair(self, targets: Collection[Partition], offsets: Mapping[Partition, int]) -> None:
        """Abort a transaction over all of these, sending nothing: ends on their brokers what a lost marker left open."""

    async def drop(self) -> None:
        """Let go without a word to the brokers; what is open is aborted by the next producer of the id, or by its timeout. Bounded."""


Factory = Callable[[], Awaitable[Producer]]
"""Starts a new producer; raises `Unavailable` when no broker answers."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What a topic refuses: sizes in bytes, times in ms; `retention_ms` -1 is for ever."""

    name: str
    partitions: int
    max_message_bytes: int
    compacted: bool
    before_max_ms: int
    after_max_ms: int
    retention_ms: int
    log_append_time: bool
