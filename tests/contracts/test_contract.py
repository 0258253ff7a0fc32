"""One suite over the fake and the real client: does the fake tell the truth?"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.simulation.fake_kafka import FakeConsumer, FakeKafka
from worker.runtime.ports import OffsetOutOfRange, Outgoing, Partition, Refused, Undelivered, Unsettled

# a socket that the broker's start-up probe left to the collector is no concern of this suite
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Listener:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.has = asyncio.Event()

    def assigned(self, partitions: Any) -> None:
        if partitions:
            self.has.set()

    async def revoked(self, partitions: Any) -> None:
        pass


class Fake:
    """The fake as a site of the suite."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.topic = "t"

    async def consumer(self) -> Any:
        made = FakeConsumer(self.kafka)
        await made.start([self.topic], Listener())
        made.take_over([Partition(self.topic, 0)])
        return made

    async def producer(self) -> Any:
        return await self.kafka.producer()()

    async def transactional(self) -> Any:
        self.kafka.refuse = lambda _topic, record: record[0] > time.time() * 1000 + 3_600_000
        return await self.kafka.transactional()(Partition("in", 0))


class Real:
    """A broker as a site of the suite."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap, self.topic, self.group = bootstrap, topic, uuid.uuid4().hex

    async def consumer(self) -> Any:
        from worker.kafka.consumer import KafkaConsumer

        made, listener = KafkaConsumer({"bootstrap_servers": self.bootstrap, "group_id": self.group, "enable_auto_commit": False,
                                        "auto_offset_reset": "none", "isolation_level": "read_committed"}), Listener()
        await made.start([self.topic], listener)
        await asyncio.wait_for(listener.has.wait(), 20)
        return made

    async def producer(self) -> Any:
        from worker.kafka.producer import start_producer

        return await start_producer({"bootstrap_servers": self.bootstrap, "enable_idempotence": True})

    async def transactional(self) -> Any:
        from worker.kafka.transactions import start_transactional

        return await start_transactional({"bootstrap_servers": self.bootstrap, "transactional_id": f"{self.group}/in/0", "enable_idempotence": True}, self.group)


@pytest.fixture(params=["fake", "real"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param == "fake":
        yield Fake()
    else:
        yield Real(request.getfixturevalue("kafka").bootstrap, request.getfixturevalue("make_topic")())


async def fill(site: Any, batches: list[list[bytes]]) -> list[Exception | None]:
    producer, answers, told = await site.producer(), [], asyncio.Event()

    def done(error: Exception | None) -> None:
        answers.append(error)
        if len(answers) == len(batches):
            told.set()

    now = int(time.time() * 1000)
    for batch in batches:
        await producer.send(site.topic, 0, [Outgoing(now, b"k", v, [("h", b"1"), ("h", None)], i) for i, v in enumerate(batch)], done)
    await asyncio.wait_for(told.wait(), 20)
    await producer.stop()
    return answers


async def read(consumer: Any, partition: Partition, count: int) -> list[Any]:
    found: list[Any] = []
    end = time.monotonic() + 15
    while len(found) < count and time.monotonic() < end:
        for records in (await consumer.fetch([partition], 100, 0.2)).values():
            found += records
    return found


async def test_batches_arrive_in_the_order_of_calls_and_each_is_answered_once(site: Any) -> None:
    """I4 rests on it; the records come back byte for byte."""
    batches = [[b"%d.%d" % (b, i) for i in range(5)] for b in range(8)]
    assert await fill(site, batches) == [None] * 8
    consumer, at = await site.consumer(), Partition(site.topic, 0)
    consumer.seek(at, 0)
    consumer.resume(at)
    found = await read(consumer, at, 40)
    assert [r.value for r in found] == [v for b in batches for v in b]
    assert [r.offset for r in found] == list(range(40))
    assert (found[0].key, [tuple(h) for h in found[0].headers]) == (b"k", [("h", b"1"), ("h", None)])
    assert consumer.high_watermark(at) == 40 and await consumer.position(at) == 40
    await consumer.stop()


async def test_an_assigned_partition_is_silent_until_it_is_positioned_and_resumed(site: Any) -> None:
    """Its lane decides where it starts."""
    await fill(site, [[b"1", b"2", b"3"]])
    consumer, at = await site.consumer(), Partition(site.topic, 0)
    assert set(consumer.assignment()) == {at}
    assert await consumer.committed([at]) == {at: None}
    assert (await consumer.bound(at, "earliest"), await consumer.bound(at, "latest")) == (0, 3)
    assert not await consumer.fetch([], 10, 0.3)
    consumer.seek(at, 1)
    assert not await consumer.fetch([], 10, 0.3)
    consumer.resume(at)
    assert [r.value for r in await read(consumer, at, 2)] == [b"2", b"3"]
    consumer.pause(at)
    consumer.seek(at, 0)
    assert not await consumer.fetch([], 10, 0.3)
    await consumer.stop()


async def test_a_commit_is_what_the_next_member_starts_from(site: Any) -> None:
    """Also backwards: the group holds what was committed last."""
    await fill(site, [[b"1", b"2", b"3"]])
    consumer, at = await site.consumer(), Partition(site.topic, 0)
    for offset in (3, 2):
        await consumer.commit({at: offset})
        assert await consumer.committed([at]) == {at: offset}
    await consumer.stop()
    following = await site.consumer()
    assert await following.committed([at]) == {at: 2}
    await following.stop()


async def test_the_groups_broker_is_heard_while_nothing_is_read(site: Any) -> None:
    """Heartbeats tell a member that idles from one whose broker is away."""
    consumer, before = await site.consumer(), time.monotonic()
    while consumer.heard < before + 1:
        await asyncio.sleep(0.1)
        assert time.monotonic() < before + 15
    await consumer.stop()


async def test_an_empty_fetch_is_an_answer_too(site: Any) -> None:
    """It tells a partition that idles from a fetch that is dead."""
    await fill(site, [[b"1"]])
    consumer, at, before = await site.consumer(), Partition(site.topic, 0), time.time()
    assert consumer.fetched_at(at) == 0
    consumer.seek(at, 1)
    consumer.resume(at)
    for _ in range(2):
        answered = consumer.fetched_at(at)
        while consumer.fetched_at(at) == answered:
            assert not await consumer.fetch([at], 10, 0.1)
            assert time.time() < before + 15
    await consumer.stop()


async def test_a_position_that_is_not_there_is_told(site: Any) -> None:
    """And names its partition."""
    await fill(site, [[b"1"]])
    consumer, at = await site.consumer(), Partition(site.topic, 0)
    consumer.seek(at, 50)
    consumer.resume(at)
    with pytest.raises(OffsetOutOfRange) as caught:
        await read(consumer, at, 1)
    assert caught.value.partitions == [at]
    await consumer.stop()


async def test_a_stopped_producer_takes_nothing(site: Any) -> None:
    """It says so as a delivery that did not happen."""
    producer, answers = await site.producer(), []
    await producer.stop()
    with pytest.raises(Undelivered):
        await producer.send(site.topic, 0, [Outgoing(1, None, b"v", [], 0)], answers.append)
    assert not answers


async def put(producer: Any, topic: str, value: bytes, ahead_ms: int = 0) -> Exception | None:
    """One record in the open transaction, and what its writer is told."""
    told: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    await producer.send(topic, 0, [Outgoing(int(time.time() * 1000) + ahead_ms, b"k", value, [], 0)], told.set_result)
    return await asyncio.wait_for(told, 20)


async def values(site: Any, count: int) -> list[bytes]:
    """What a new reader of committed records finds; a moment longer than `count` need."""
    consumer, at = await site.consumer(), Partition(site.topic, 0)
    consumer.seek(at, 0)
    consumer.resume(at)
    found = await read(consumer, at, count)
    for records in (await consumer.fetch([at], 100, 0.3)).values():
        found += records
    await consumer.stop()
    return [r.value for r in found]


async def test_outputs_and_offset_of_a_transaction_appear_together(site: Any) -> None:
    """Until the commit nobody reads the one, and the other is not settled; the marker takes an offset."""
    producer, at = await site.transactional(), Partition(site.topic, 0)
    consumer = await site.consumer()
    await producer.begin()
    assert await put(producer, site.topic, b"1") is None
    assert await consumer.committed([at], 0.2) == {at: None}
    await producer.add_offsets({at: 7})
    with pytest.raises(Unsettled):
        await consumer.committed([at], 0.2)
    consumer.seek(at, 0)
    consumer.resume(at)
    assert not await consumer.fetch([at], 10, 0.3)
    await producer.commit()
    assert await consumer.committed([at], 5) == {at: 7}
    assert [r.value for r in await read(consumer, at, 1)] == [b"1"]
    await producer.begin()
    assert await put(producer, site.topic, b"2") is None
    await producer.add_offsets({at: 8})
    await producer.commit()
    assert [(r.value, r.offset) for r in await read(consumer, at, 1)] == [(b"2", 2)]
    await consumer.stop()
    await producer.drop()


async def test_a_new_producer_of_the_id_shuts_out_the_old_one(site: Any) -> None:
    """And ends its transaction: nothing of it is read, its offset is not committed, it cannot commit any more."""
    old, at = await site.transactional(), Partition(site.topic, 0)
    await old.begin()
    assert await put(old, site.topic, b"old") is None
    await old.add_offsets({at: 5})
    new = await site.transactional()
    consumer = await site.consumer()
    assert await consumer.committed([at], 5) == {at: None}
    await consumer.stop()
    with pytest.raises(Undelivered):
        await old.commit()
    await old.drop()
    await new.begin()
    assert await put(new, site.topic, b"new") is None
    await new.add_offsets({at: 5})
    await new.commit()
    await new.drop()
    assert await values(site, 1) == [b"new"]


async def test_a_dropped_producers_transaction_ends_with_the_next_one(site: Any) -> None:
    """Dropping says nothing to the brokers, and ends within its bound."""
    dropped, at = await site.transactional(), Partition(site.topic, 0)
    await dropped.begin()
    assert await put(dropped, site.topic, b"dropped") is None
    await dropped.add_offsets({at: 5})
    await asyncio.wait_for(dropped.drop(), 5)
    following = await site.transactional()
    consumer = await site.consumer()
    assert await consumer.committed([at], 5) == {at: None}
    await consumer.stop()
    await following.drop()
    assert await values(site, 0) == []


async def test_a_refused_batch_does_not_make_the_commit_fail(site: Any) -> None:
    """Why every answer is awaited before the offsets are added: the record is not there, and the commit says yes."""
    producer, at = await site.transactional(), Partition(site.topic, 0)
    await producer.begin()
    assert await put(producer, site.topic, b"good") is None
    assert isinstance(await put(producer, site.topic, b"from tomorrow", 86_400_000), Refused)
    await producer.add_offsets({at: 2})
    await producer.commit()
    await producer.drop()
    assert await values(site, 1) == [b"good"]


async def test_a_repair_leaves_nothing_behind(site: Any) -> None:
    """It aborts a transaction over partitions and offsets, and the producer goes on."""
    producer, at = await site.transactional(), Partition(site.topic, 0)
    await producer.repair([at], {at: 9})
    consumer = await site.consumer()
    assert await consumer.committed([at], 5) == {at: None}
    await consumer.stop()
    await producer.begin()
    assert await put(producer, site.topic, b"1") is None
    await producer.add_offsets({at: 1})
    await producer.commit()
    await producer.drop()
    assert await values(site, 1) == [b"1"]
