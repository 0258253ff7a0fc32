"""One suite over the fake and the real client: does the fake tell the truth?"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.simulation.fake_kafka import FakeConsumer, FakeKafka
from worker.runtime.ports import OffsetOutOfRange, Outgoing, Partition, Undelivered

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


class Real:
    """A broker as a site of the suite."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap, self.topic, self.group = bootstrap, topic, uuid.uuid4().hex

    async def consumer(self) -> Any:
        from worker.kafka.consumer import KafkaConsumer

        made, listener = KafkaConsumer({"bootstrap_servers": self.bootstrap, "group_id": self.group, "enable_auto_commit": False,
                                        "auto_offset_reset": "none"}), Listener()
        await made.start([self.topic], listener)
        await asyncio.wait_for(listener.has.wait(), 20)
        return made

    async def producer(self) -> Any:
        from worker.kafka.producer import start_producer

        return await start_producer({"bootstrap_servers": self.bootstrap, "enable_idempotence": True})


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
