"""Settings of a worker that only a real broker can show: where it starts, what its records carry, and how they are packed."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import aiokafka.consumer.fetcher as aiokafka_fetcher
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.record.memory_records import MemoryRecords

from tests.kafka.case import Case, MakeCase, good, samples
from tests.kafka.outside import Fed
from tests.kafka.worker_process import WorkerProcess, until

# a socket that the broker's start-up probe left to the collector is no concern of this suite
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def drained(case: Case, running: WorkerProcess) -> None:
    """Everything fed is committed, and the worker ends."""
    case.done(running)
    assert running.stop() == 0, running.tail()


def numbers(case: Case) -> list[int]:
    """`i` of every output."""
    return [json.loads(r.value or b"")["i"] for r in case.outputs()]


def test_latest_starts_at_the_end_and_keeps_its_place(make_case: MakeCase) -> None:
    """Without a committed offset what was there before is skipped; once it has one, nothing is."""
    case = make_case()
    case.feed(*(Fed(b"k", good(i)) for i in range(50)))
    latest = {"topics": [case.source], "auto_offset_reset": "latest"}
    with case.run(input=latest) as running:
        running.ready()
        case.feed(Fed(b"k", good(50)))
        drained(case, running)
    case.feed(Fed(b"k", good(51)))
    with case.run(input=latest) as running:
        running.ready()
        drained(case, running)
    assert numbers(case) == [50, 51]


def test_timestamp_now(make_case: MakeCase) -> None:
    """Outputs carry the time at which they were made, dead letters their source's as always."""
    case = make_case()
    then = int(time.time() * 1000) - 60_000
    case.feed(Fed(b"k", good(1), timestamp=then), Fed(b"k", b"{", timestamp=then))
    with case.run(output={"topic": case.out, "timestamp": "now"}) as running:
        running.ready()
        drained(case, running)
    (out,), (dead,) = case.outputs(), case.dead()
    assert then + 50_000 < out.timestamp <= time.time() * 1000
    assert dead.timestamp == then


async def test_a_record_without_a_timestamp(make_case: MakeCase) -> None:
    """CreateTime −1 is what a client sends that has none: now stands instead of it, counted, and the dead letter says −1."""
    case = make_case()
    producer = AIOKafkaProducer(bootstrap_servers=case.bootstrap)
    await producer.start()
    batch = producer.create_batch()
    for value in (good(1), b"{", good(2)):
        batch.append(key=b"k", value=value, timestamp=-1)
    await (await producer.send_batch(batch, case.source, partition=0))
    await producer.stop()
    started = int(time.time() * 1000) - 5000
    with case.run() as running:
        running.ready()
        case.done(running)
        replaced = samples(running)["timestamps_replaced_total", ()]
        status = running.status()
        assert running.stop() == 0
    assert numbers(case) == [1, 2] and all(started < r.timestamp <= time.time() * 1000 for r in case.outputs())
    (dead,) = case.dead()
    assert dead.told["fsm.source.timestamp"] == b"-1" and started < dead.timestamp <= time.time() * 1000
    assert replaced == 3 and status["partitions"][0]["lag_seconds"] == 0


def test_text_records_are_lines(make_case: MakeCase) -> None:
    """`{"line": …}` whatever the text is; what is no UTF-8 is malformed, byte for byte."""
    case = make_case()
    lines = ["a line", "", '{"i": 1}', "ä€😀", "tab\t\"quote\" \\ \x00 \n"]
    case.feed(*(Fed(b"k", line.encode()) for line in lines), Fed(b"k", b"\xff\xfe"))
    with case.run(input={"topics": [case.source], "format": "text"}) as running:
        running.ready()
        drained(case, running)
    assert [json.loads(r.value or b"") for r in case.outputs()] == [{"line": line, "v": "1"} for line in lines]
    assert [(r.value, r.told["fsm.reason"]) for r in case.dead()] == [(b"\xff\xfe", b"malformed")]


def test_provenance_says_where_each_output_comes_from(make_case: MakeCase) -> None:
    """Topic, partition, offset and timestamp of its source, and the machine's digest; a source's own fsm.* are replaced."""
    case = make_case()
    then = int(time.time() * 1000) - 9000
    case.feed(*(Fed(b"k", good(i), [("own", b"1"), ("fsm.source.offset", b"old")], then + i) for i in range(3)))
    with case.run(output={"topic": case.out, "provenance": True}) as running:
        running.ready()
        digest = running.status()["machine"]["digest"].encode()
        drained(case, running)
    for offset, record in enumerate(case.outputs()):
        assert record.headers == [
            ("own", b"1"), ("fsm.source.topic", case.source.encode()), ("fsm.source.partition", b"0"), ("fsm.source.offset", b"%d" % offset),
            ("fsm.source.timestamp", b"%d" % (then + offset)), ("fsm.machine.digest", digest)]


CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.mark.parametrize("codec", CODECS)
async def test_compression(make_case: MakeCase, monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    """Batches of outputs and of dead letters are packed as told; any client reads them."""
    case = make_case()
    case.feed(*(Fed(b"k", json.dumps({"i": i, "pad": "x" * 200}).encode()) for i in range(500)), *(Fed(b"k", b"{" * 300) for _ in range(50)))
    with case.run(output={"topic": case.out, "compression": codec}) as running:
        running.ready()
        drained(case, running)
    assert numbers(case) == list(range(500)) and len(case.dead()) == 50
    for topic in (case.out, case.dlq):
        assert await codecs(case.bootstrap, topic, monkeypatch) == {CODECS[codec]}


async def codecs(bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """How the batches of a topic are packed."""
    seen: set[int] = set()

    class Records:
        """The client's own, looked at in passing."""

        def __init__(self, data: Any) -> None:
            self._records = MemoryRecords(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._records, name)

        def next_batch(self) -> Any:
            batch = self._records.next_batch()
            seen.add(batch.compression_type)
            return batch

    with monkeypatch.context() as patch:
        patch.setattr(aiokafka_fetcher, "MemoryRecords", Records)
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        await consumer.getone()
        await consumer.stop()
    return seen


def test_sigterm_during_isolation_loses_nothing(make_case: MakeCase) -> None:
    """It drains what it has in hand one record a batch, ends with 0, and the next worker goes on behind it."""
    case = make_case()
    big = json.dumps({"i": -1, "pad": "x" * 30_000}).encode()
    records = [Fed(b"a", big if i % 10 == 3 else good(i)) for i in range(4000)]
    with case.run(chunk={"max_records": 200}) as running:
        running.ready()
        case.feed(Fed(b"a", good(-2)))
        case.done(running)
        case.alter(case.out, "max.message.bytes", "20000")
        case.feed(*records)
        until(lambda: "one record a batch" in running.tail(), 20, "isolation", running)
        running.signal(signal.SIGTERM)
        assert running.wait() == 0, running.tail()
    done = case.committed()[0]
    assert 1 < done < len(records), "it was not at its end"
    with case.run() as running:
        running.ready()
        drained(case, running)
    assert list(dict.fromkeys(numbers(case))) == [-2, *(i for i in range(4000) if i % 10 != 3)]
    assert len({r.told["fsm.source.offset"] for r in case.dead()}) == 400 == len(case.dead())


def test_a_topic_that_takes_smaller_batches_is_asked_once(make_case: MakeCase) -> None:
    """Each record fits, the batches do not: one isolation, one new producer, no dead letter, and full speed afterwards."""
    case = make_case()
    with case.run() as running:
        running.ready()
        case.feed(Fed(b"a", good(0)))
        case.done(running)
        case.alter(case.out, "max.message.bytes", "5000")
        for first in range(1, 12_001, 3000):
            case.feed(*(Fed(b"a", good(i)) for i in range(first, first + 3000)))
            case.done(running)
        found = samples(running)
        text = "".join(running.errors)
        assert running.stop() == 0
    assert numbers(case) == list(range(12_001)) and not case.dead()
    assert found["producer_recreated_total", ()] == 1 == text.count("one record a batch")
    assert "back on the shared producer" in text
