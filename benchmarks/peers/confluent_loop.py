"""confluent-kafka by hand: consume up to 500, produce, flush, commit."""

from __future__ import annotations

import os

from confluent_kafka import Consumer, KafkaError, Message, Producer

from benchmarks.job import price


def main() -> None:
    """Runs until it is killed; ends when a record is not delivered."""
    servers, output, dead = os.environ["BENCH_BOOTSTRAP"], os.environ["BENCH_OUTPUT"], os.environ["BENCH_DEAD"]
    refused: list[KafkaError] = []

    def told(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error)

    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    consumer = Consumer({"bootstrap.servers": servers, "group.id": os.environ["BENCH_GROUP"],
                         "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    consumer.subscribe([os.environ["BENCH_INPUT"]])
    while True:
        batch = [message for message in consumer.consume(500, timeout=0.2) if not message.error()]
        for message in batch:
            raw = message.value() or b""
            priced = price(raw)
            producer.produce(dead if priced is None else output, raw if priced is None else priced, message.key(), on_delivery=told)
            producer.poll(0)
        if batch:
            if producer.flush() or refused:
                raise SystemExit(f"not delivered: {refused[:1]}")
            consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
