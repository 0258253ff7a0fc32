"""A producer that fails leaves nothing behind that anybody would have to look at."""

import asyncio
import gc
from collections import deque
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition, errors
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch

from worker.kafka.producer import KafkaProducer

HERE = TopicPartition("out", 0)


class Client:
    """As much of the client as queues batches; nothing is ever sent."""

    def __init__(self, idempotent: bool) -> None:
        self._txn_manager = object() if idempotent else None
        self._message_accumulator = SimpleNamespace(_batches={}, _pending_batches=set())

    def create_batch(self) -> Any:
        return BatchBuilder(1000, 0)

    async def send_batch(self, builder: Any, topic: str, partition: int) -> Any:
        batch = MessageBatch(TopicPartition(topic, partition), builder, 60, 0)
        self._message_accumulator._batches.setdefault(batch.tp, deque()).append(batch)
        return batch.future


def complaints(idempotent: bool, fail: Any) -> tuple[list[str], list[Exception | None]]:
    """What the loop complains of, and what the sender of three batches is told."""
    heard: list[str] = []
    told: list[Exception | None] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: heard.append(context["message"]))
        client: Any = Client(idempotent)
        producer = KafkaProducer(client)
        for _ in range(3):
            await producer.send("out", 0, [(1, None, b"v", [], 0, None)], told.append)  # type: ignore[list-item]
        fail(producer, client._message_accumulator._batches)
        await asyncio.sleep(0)

    asyncio.run(run())
    gc.collect()
    return heard, told


def first_fails(_producer: Any, batches: Any) -> None:
    """As the client does it when the broker is away for too long."""
    for batch in list(batches[HERE])[:1]:
        batch.failure(exception=errors.KafkaTimeoutError())


def test_a_failed_batch_takes_what_is_queued_behind_it_along_and_nothing_complains() -> None:
    """No `Future exception was never retrieved`, each sender is told once."""
    heard, told = complaints(True, first_fails)
    assert not heard and len(told) == 3 and all(told)


def test_without_sequence_numbers_the_others_stay() -> None:
    """Isolation's producer has nothing to burn."""
    heard, told = complaints(False, first_fails)
    assert not heard and len(told) == 1


def test_what_is_left_at_the_end_fails_without_a_complaint() -> None:
    """A producer that is closed while brokers are away."""
    heard, told = complaints(True, lambda producer, _batches: producer._fail_rest())
    assert not heard and len(told) == 3
