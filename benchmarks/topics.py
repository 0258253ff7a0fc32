"""The benchmark's own view of the broker: topics made, filled, counted and read back."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from benchmarks.job import orders

PARTITIONS = 4
PATIENCE = 30.0


class Topics:
    """One broker's topics, seen through librdkafka."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def create(self, *names: str) -> None:
        """Empty topics whose records carry the time at which the broker appended them."""
        new = [NewTopic(name, PARTITIONS, 1, config={"message.timestamp.type": "LogAppendTime"}) for name in names]
        for done in self._admin.create_topics(new).values():
            done.result()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.count(*names)
                return
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # the client's metadata may be older than the topic
                self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def fill(self, name: str, count: int) -> None:
        """Put the job's input into the topic."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "acks": "all",
                             "linger.ms": 5, "batch.size": 16384, "queue.buffering.max.messages": 2_000_000})
        for order in orders(count):
            producer.produce(name, order.value, order.key)
            producer.poll(0)
        if producer.flush(120):
            raise SystemExit("the input was not acknowledged")

    def count(self, *names: str) -> int:
        """Records in these topics together, the markers of transactions among them."""
        end = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(name, p): end for name in names for p in range(PARTITIONS)}
        return sum(found.result().offset for found in self._admin.list_offsets(asked).values())

    def committed(self, group: str, topic: str) -> int:
        """The sum of the group's committed offsets."""
        client = self._client(group)
        try:
            found = client.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], timeout=10)
            return sum(max(place.offset, 0) for place in found)
        finally:
            client.close()

    def read(self, name: str) -> Iterator[Message]:
        """Every committed record that the topic holds now."""
        left, client = set(range(PARTITIONS)), self._client("benchmark-reader")
        try:
            client.assign([TopicPartition(name, p, 0) for p in range(PARTITIONS)])
            deadline = time.monotonic() + PATIENCE
            while left and time.monotonic() < deadline:
                for message in client.consume(5000, timeout=0.5):
                    if (error := message.error()) is None:
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard(message.partition() or 0)
        finally:
            client.close()

    def _client(self, group: str) -> Consumer:
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
                         "enable.partition.eof": True, "isolation.level": "read_committed"})
