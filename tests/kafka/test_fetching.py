"""What the client's fetching says of a partition's end, and that it died, on a real Kafka."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.contracts.test_contract import Listener, Real, fill, read
from worker.delivery.backoff import Backoff
from worker.kafka.consumer import KafkaConsumer
from worker.runtime import watchdog
from worker.runtime.backpressure import Limits
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Partition

# a socket that the broker's start-up probe left to the collector is no concern of this suite
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def test_a_dead_fetch_task_is_noticed(kafka: Any, make_topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the broker knows that there is more to read. Counted, read again once, and then the worker is stopped; a partition that idles is left alone."""
    monkeypatch.setattr(watchdog, "STALL_SECONDS", 1.0)
    site = Real(kafka.bootstrap, make_topic())
    at, stops, counters = Partition(site.topic, 0), list[BaseException](), Counters()
    consumer = await site.consumer()
    lane = Lane(at, 1, consumer, Limits(1000, 1 << 20, 0.5, 1 << 30), counters, Backoff(0.1, 2, 1))
    consumer.seek(at, 0)
    lane.opened(0)
    dog = watchdog.Watchdog(consumer, counters, lambda: [lane], stops.append)

    async def turn(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not stops:
            dog.tick()
            assert not await consumer.fetch([at], 10, 0.1)
            await asyncio.sleep(0.01)

    await turn(3)
    assert not counters.stalls[at.topic], "it idles, and hears so"
    consumer.client._fetcher._fetch_task.cancel()
    await turn(3)
    assert not counters.stalls[at.topic], "it is deaf, and misses nothing yet"
    await fill(site, [[b"1", b"2"]])
    await turn(10)
    assert counters.stalls[at.topic] == 2 and "fetches no more" in str(stops[0])
    dog.close()
    await consumer.stop()


async def test_an_open_transaction_is_not_there_yet(kafka: Any, make_topic: Any) -> None:
    """Its records are beyond the end, so that they are neither lag nor a stall, until it is committed."""
    topic = make_topic()
    at = Partition(topic, 0)
    consumer = KafkaConsumer({"bootstrap_servers": kafka.bootstrap, "group_id": topic, "enable_auto_commit": False, "auto_offset_reset": "none",
                              "isolation_level": "read_committed"})
    listener = Listener()
    await consumer.start([topic], listener)
    await asyncio.wait_for(listener.has.wait(), 20)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    await asyncio.to_thread(producer.init_transactions, 20)
    producer.begin_transaction()
    producer.produce(topic, b"1")
    await asyncio.to_thread(producer.flush, 20)
    consumer.seek(at, 0)
    consumer.resume(at)
    while consumer.high_watermark(at) < 0:
        assert not await consumer.fetch([at], 10, 0.1)
    assert consumer.high_watermark(at) == 0 == await consumer.bound(at, "latest")
    await asyncio.to_thread(producer.commit_transaction, 20)
    found = await read(consumer, at, 1)
    assert [r.value for r in found] == [b"1"] and consumer.high_watermark(at) == 2
    await consumer.stop()
