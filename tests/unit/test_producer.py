"""A producer that fails leaves nothing behind that anybody would have to look at."""

import asyncio
import gc
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.sender import Sender

from worker.kafka import topics
from worker.kafka.consumer import KafkaConsumer
from worker.kafka.producer import KafkaProducer
from worker.runtime.ports import Partition, Unavailable, Undelivered

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
    heard, told = complaints(True, lambda producer, _batches: producer._fail_all(errors.ProducerClosed()))
    assert not heard and len(told) == 3


class Dying(Client):
    """The client's own queues and its own sender, which dies at its first turn."""

    def __init__(self) -> None:
        self._txn_manager = SimpleNamespace(maybe_add_partition_to_txn=lambda _: None, fatal_error=lambda _: None)  # type: ignore[assignment]
        self._message_accumulator: Any = MessageAccumulator(None, 1000, 0, 60, txn_manager=self._txn_manager)
        self._sender = Sender(None, acks=-1, txn_manager=None, message_accumulator=self._message_accumulator, retry_backoff_ms=1, request_timeout_ms=1)

    async def send_batch(self, builder: Any, topic: str, partition: int) -> Any:
        return await self._message_accumulator.add_batch(builder, TopicPartition(topic, partition), 1)

    async def die(self) -> None:
        """As the client does when another producer has its id: every batch is to fail, in its queue, on its way, or back in its queue."""

        async def sender() -> None:
            raise errors.ProducerFenced

        task = asyncio.create_task(sender())
        task.add_done_callback(self._sender._fail_all)
        await asyncio.wait([task])
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_every_batch_is_told_when_the_clients_sender_dies() -> None:
    """A batch that nobody answers would hold its lane for ever; and who sends later is told at once."""
    heard: list[str] = []
    told: list[Exception | None] = []
    late: list[str] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: heard.append(str(context)))
        client: Any = Dying()
        producer = KafkaProducer(client)
        for partition in range(4):
            await producer.send("out", partition, [(1, None, b"v", [], 0, None)], told.append)  # type: ignore[list-item]
        queues = client._message_accumulator
        queues._txn_manager = None  # numbers are given elsewhere
        on_its_way = queues._pop_batch(TopicPartition("out", 0))
        back = queues._pop_batch(TopicPartition("out", 1))
        queues.reenqueue(back)
        assert on_its_way in queues._pending_batches
        await client.die()
        try:
            await producer.send("out", 9, [(1, None, b"v", [], 0, None)], told.append)  # type: ignore[list-item]
        except Exception as error:
            late.append(type(error).__name__)

    asyncio.run(run())
    gc.collect()
    assert len(told) == 4 and all(told)
    assert late == ["Undelivered"] and not heard


async def test_a_connection_that_uvloop_calls_closed_is_no_defect() -> None:
    """It raises RuntimeError where asyncio raises OSError: a batch is not delivered then, a commit comes to nothing, and both are tried again."""

    async def closed(*_: Any, **__: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    client: Any = Client(True)
    client.send_batch = closed
    with pytest.raises(Undelivered):
        await KafkaProducer(client).send("out", 0, [(1, None, b"v", [], 0, None)], print)  # type: ignore[list-item]
    consumer = KafkaConsumer({})
    consumer._client = SimpleNamespace(commit=closed)  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        await consumer.commit({Partition("in", 0): 1})


async def test_a_look_at_the_topics_never_ends_a_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the client raises: what was known stays."""

    async def breaks(*_: Any) -> Any:
        raise AttributeError("a client that lost its connection")

    known: dict[str, Any] = {"out": object()}
    before = dict(known)
    monkeypatch.setattr(topics, "topic_facts", breaks)
    monkeypatch.setattr(topics, "connection", lambda _config: {})
    config: Any = None
    await topics.look_again(config, known)
    assert known == before
