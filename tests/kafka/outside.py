"""Kafka as an outsider sees it: everything here is confluent_kafka (librdkafka), nothing is the worker's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

NO_END = 30.0


class Fed(NamedTuple):
    """A record to produce; `timestamp` 0 is now, `partition` -1 is Kafka's own partitioner."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 0
    partition: int = -1


class Read(NamedTuple):
    """A record as it stands in a topic; the timestamp is in ms."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int

    @property
    def told(self) -> dict[str, bytes | None]:
        """Its headers by name; the last of a name."""
        return dict(self.headers)


def feed(bootstrap: str, topic: str, records: Iterable[Fed]) -> int:
    """Produce, and wait until all of it is acknowledged; how many."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 20, "enable.idempotence": True,
                         "queue.buffering.max.messages": 1_000_000})
    refused: list[Any] = []
    count = 0
    for record in records:
        count += 1
        producer.produce(topic, value=record.value, key=record.key, headers=list(record.headers), timestamp=record.timestamp, partition=record.partition,
                         on_delivery=lambda error, _: refused.append(error) if error else None)
        producer.poll(0)
    assert producer.flush(60) == 0
    assert not refused, refused[:3]
    return count


def _client(bootstrap: str, group: str = "outside", isolation: str = "read_committed") -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
                     "enable.partition.eof": True, "isolation.level": isolation})


def _partitions(client: Consumer, topic: str) -> list[int]:
    return sorted(client.list_topics(topic, timeout=20).topics[topic].partitions)


def ends(bootstrap: str, topic: str, isolation: str = "read_committed") -> dict[int, int]:
    """The end offset of each partition: of what is settled, or of all that is written."""
    client = _client(bootstrap, isolation=isolation)
    try:
        return {p: client.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1] for p in _partitions(client, topic)}
    finally:
        client.close()


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """The group's committed offsets; a partition without one is missing."""
    client = _client(bootstrap, group)
    try:
        asked = [TopicPartition(topic, p) for p in _partitions(client, topic)]
        return {p.partition: p.offset for p in client.committed(asked, timeout=20) if p.offset >= 0}
    finally:
        client.close()


def read(bootstrap: str, topic: str, isolation: str = "read_committed") -> list[Read]:
    """Everything in the topic now, each partition in its order; with `read_uncommitted` what was taken back too."""
    client = _client(bootstrap, isolation=isolation)
    try:
        left = {p: end for p, end in ends(bootstrap, topic, isolation).items() if end}
        client.assign([TopicPartition(topic, p, 0) for p in left])
        found: list[Read] = []
        deadline = time.monotonic() + NO_END
        while left:
            for message in client.consume(5000, timeout=1.0):
                if message.error():
                    if message.error().code() != KafkaError._PARTITION_EOF:
                        pytest.fail(str(message.error()))
                    left.pop(message.partition(), None)  # a transaction's marker stands at the end
                    continue
                found.append(Read(message.partition(), message.offset(), message.key(), message.value(), message.headers() or [], message.timestamp()[1]))
                if message.offset() + 1 >= left.get(message.partition(), 1 << 62):
                    left.pop(message.partition(), None)
            if time.monotonic() > deadline:
                pytest.fail(f"{topic}: the end of partitions {sorted(left)} was not reached")
        return found
    finally:
        client.close()
