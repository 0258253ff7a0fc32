"""What the demo shows each second: counts from the topics' own ends, and fresh dead letters with their reasons."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient

from worker.demo import topics


@dataclass(frozen=True, slots=True)
class Progress:
    """Records so far, as the broker has them."""

    fed: int
    committed: int
    produced: int
    dead_lettered: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter in short."""

    id: str
    reason: str
    message: str


class Watch:
    """Reads along, without a group, so that it disturbs nobody. `async with Watch(bootstrap) as watch`."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = topics.reader(bootstrap)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._fresh: deque[DeadLetter] = deque(maxlen=50)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(topics.partitions(topics.DEAD_LETTERS))
        await self._admin.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._admin.close()
        await self._consumer.stop()

    async def progress(self) -> Progress:
        """How far everything is now."""
        ends = await self._consumer.end_offsets(topics.partitions(topics.INPUT, *topics.OUTPUTS, topics.DEAD_LETTERS))
        per_topic = {name: sum(end for tp, end in ends.items() if tp.topic == name) for name in {tp.topic for tp in ends}}
        return Progress(per_topic[topics.INPUT], await topics.committed(self._admin),
                        sum(per_topic[name] for name in topics.OUTPUTS), per_topic[topics.DEAD_LETTERS])

    async def dead_letters(self, most: int) -> list[DeadLetter]:
        """Up to `most` of those written since the last call, the newest last."""
        for records in (await self._consumer.getmany(timeout_ms=10)).values():
            self._fresh.extend(in_short(record) for record in records)
        newest = list(self._fresh)[max(len(self._fresh) - most, 0):]
        self._fresh.clear()
        return newest


def in_short(record: ConsumerRecord) -> DeadLetter:
    """The `fsm.*` headers that say why."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    return DeadLetter((record.key or b"").decode(errors="replace"), headers.get("fsm.reason", "?"), headers.get("fsm.error.message", ""))
