"""aiokafka by hand: getmany up to 1000, send, await every acknowledgement, commit."""

from __future__ import annotations

import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.job import price


async def main() -> None:
    """Runs until it is killed."""
    servers, output, dead = os.environ["BENCH_BOOTSTRAP"], os.environ["BENCH_OUTPUT"], os.environ["BENCH_DEAD"]
    consumer = AIOKafkaConsumer(os.environ["BENCH_INPUT"], bootstrap_servers=servers, group_id=os.environ["BENCH_GROUP"],
                                enable_auto_commit=False, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    await consumer.start()
    while True:
        sent = []
        for messages in (await consumer.getmany(timeout_ms=200, max_records=1000)).values():
            for message in messages:
                priced = price(message.value)
                topic, value = (dead, message.value) if priced is None else (output, priced)
                sent.append(await producer.send(topic, value, key=message.key))
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main())
