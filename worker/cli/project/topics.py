"""Topics for a first try: `python topics.py feed` makes them and sends orders.jsonl, `python topics.py show` prints what came out."""

import asyncio
import os
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

KAFKA = {"bootstrap_servers": os.environ.get("BOOTSTRAP", "localhost:9092")}
ROOMY = {"max.message.bytes": "1100000"}  # a dead letter is its input with headers
INPUT, OUTPUTS = "orders.in", ["orders.out", "orders.review", "orders.dlq"]


async def feed() -> None:
    """A topic that is there already stays as it is."""
    admin = AIOKafkaAdminClient(**KAFKA)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=ROOMY if name == "orders.dlq" else {}) for name in (INPUT, *OUTPUTS)])
    await admin.close()
    async with AIOKafkaProducer(**KAFKA) as producer:
        lines = Path(__file__).with_name("orders.jsonl").read_bytes().splitlines()
        for line in lines:
            await producer.send_and_wait(INPUT, line)
    print(f"sent {len(lines)} records to {INPUT}")


async def show() -> None:
    """Every record of the output topics, with the headers that say why where it is a dead letter."""
    async with AIOKafkaConsumer(*OUTPUTS, **KAFKA, auto_offset_reset="earliest") as consumer:
        while records := await consumer.getmany(timeout_ms=2000):
            for record in (one for many in records.values() for one in many):
                why = [value.decode() for name, value in record.headers if name in ("fsm.reason", "fsm.error.message")]
                print(f"{record.topic:14} {(record.value or b'null').decode()}", *why, sep="  ")


if __name__ == "__main__":
    asyncio.run({"feed": feed, "show": show}[sys.argv[1]]())
