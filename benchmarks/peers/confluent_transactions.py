"""confluent-kafka by hand, exactly once: consume, produce, offsets and outputs in one transaction each 0.2 s, our own commit interval."""

from __future__ import annotations

import os
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.job import price

INTERVAL = 0.2


def main() -> None:
    """Runs until it is killed; ends when a transaction fails, as it would have to begin anew."""
    servers, output, dead = os.environ["BENCH_BOOTSTRAP"], os.environ["BENCH_OUTPUT"], os.environ["BENCH_DEAD"]
    producer = Producer({"bootstrap.servers": servers, "transactional.id": os.environ["BENCH_GROUP"]})
    producer.init_transactions()
    consumer = Consumer({"bootstrap.servers": servers, "group.id": os.environ["BENCH_GROUP"], "enable.auto.commit": False, "auto.offset.reset": "earliest",
                         "isolation.level": "read_committed"})
    topic = os.environ["BENCH_INPUT"]
    consumer.subscribe([topic])
    offsets: dict[int, int] = {}
    due = 0.0
    while True:
        for message in consumer.consume(500, timeout=0.2):
            if message.error():
                continue
            if not offsets:
                producer.begin_transaction()
                due = time.monotonic() + INTERVAL
            raw = message.value() or b""
            priced = price(raw)
            producer.produce(dead if priced is None else output, raw if priced is None else priced, message.key())
            producer.poll(0)
            offsets[message.partition() or 0] = (message.offset() or 0) + 1
        if offsets and time.monotonic() >= due:
            producer.send_offsets_to_transaction([TopicPartition(topic, p, o) for p, o in offsets.items()], consumer.consumer_group_metadata())
            producer.commit_transaction()
            offsets.clear()


if __name__ == "__main__":
    main()
