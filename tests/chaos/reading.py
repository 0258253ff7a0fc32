"""A reader that is not the worker's, and what it says of a run: lost, doubled, out of order, and how long a partition stood still."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tests.chaos.rig import Feed, Topics, Worker, await_true

Answer = TypeVar("Answer")


def patiently(question: Callable[[], Answer], seconds: float = 40) -> Answer:
    """The answer, asked again while a broker that was away has no leader or no coordinator yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return question()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def partitions_of(consumer: Consumer, topic: str) -> list[int]:
    """The topic's partitions, as soon as the broker knows them."""
    def asked() -> list[int]:
        found = consumer.list_topics(topic, 20).topics[topic]
        if found.error is not None or not found.partitions:
            raise KafkaException(found.error)
        return list(found.partitions)

    return patiently(asked)


def read_all(bootstrap: str, topic: str) -> list[Message]:
    """Every record of the topic at this moment, in order within a partition, as an independent client reads it."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "independent", "enable.auto.commit": False, "isolation.level": "read_committed",
                         "enable.partition.eof": False})
    try:
        numbers = partitions_of(consumer, topic)
        ends = patiently(lambda: {n: consumer.get_watermark_offsets(TopicPartition(topic, n), 20)[1] for n in numbers})
        consumer.assign([TopicPartition(topic, n, 0) for n in numbers])
        found: list[Message] = []
        deadline = time.monotonic() + 60
        while any(p.offset < ends[p.partition] for p in consumer.position([TopicPartition(topic, n) for n in numbers]) if ends[p.partition]):
            assert time.monotonic() < deadline, f"cannot read {topic} to its end"
            found += consumer.consume(5000, 0.2)
        assert not any(m.error() for m in found)
        return [m for m in found if m.offset() < ends[m.partition()]]
    finally:
        consumer.close()


class Offsets:
    """The group's committed offsets and the ends of the input, asked from outside the group."""

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topics.group, "enable.auto.commit": False})
        self._topic = topics.input
        self._numbers = partitions_of(self._consumer, topics.input)

    def committed(self) -> dict[int, int]:
        """0 where there is none; waits while the coordinator loads or moves."""
        found = patiently(lambda: self._consumer.committed([TopicPartition(self._topic, n) for n in self._numbers], 20))
        return {p.partition: max(p.offset, 0) for p in found}

    def ends(self) -> dict[int, int]:
        """The next offset of each partition."""
        return patiently(lambda: {n: self._consumer.get_watermark_offsets(TopicPartition(self._topic, n), 20)[1] for n in self._numbers})

    def await_end(self, seconds: float) -> float:
        """Wait until the group is at the end; the seconds it took."""
        started = time.monotonic()
        ends = self.ends()
        await_true(f"offsets at the end {ends}", lambda: self.committed() == ends, seconds, 0.2)
        return time.monotonic() - started

    def await_progress(self, members: Collection[Worker], seconds: float = 60) -> None:
        """Wait until every partition has moved."""
        before = self.committed()
        logs = "\n".join(m.log(1500) for m in members)
        await_true(f"every partition moves on from {before}\n{logs}", lambda: all(o > before[n] for n, o in self.committed().items()), seconds)

    def await_standstill(self, seconds: float = 20) -> None:
        """Wait until nothing is committed for a second."""
        last, since = self.committed(), time.monotonic()

        def still() -> bool:
            nonlocal last, since
            if (now := self.committed()) != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > 1

        await_true("nothing moves", still, seconds)

    def close(self) -> None:
        """Let go."""
        self._consumer.close()


@dataclass(frozen=True)
class Verdict:
    """What an independent reader finds."""

    fed: int
    lost: int
    duplicates: int
    disordered: int

    def __str__(self) -> str:
        return f"fed {self.fed}, lost {self.lost}, duplicates {self.duplicates}, out of order {self.disordered}"


def judge(bootstrap: str, topics: Topics, sent: Mapping[int, int]) -> Verdict:
    """Compare what was fed with what is in the output topic."""
    seen: dict[int, set[int]] = defaultdict(set)
    last: dict[int, int] = defaultdict(lambda: -1)
    duplicates = disordered = 0
    for message in read_all(bootstrap, topics.output):
        record = json.loads(message.value())
        key, number = record["k"], record["n"]
        if number in seen[key]:
            duplicates += 1
            continue
        seen[key].add(number)
        disordered += number < last[key]
        last[key] = max(last[key], number)
    lost = sum(len(set(range(count)) - seen[key]) for key, count in sent.items())
    return Verdict(sum(sent.values()), lost, duplicates, disordered)


@contextmanager
def traffic(bootstrap: str, topics: Topics, partitions: int, rate: int, report: Callable[[str, object], None], repeats: float = 0) -> Iterator[Offsets]:
    """A feed around what happens, with the group's offsets; at its end nothing is lost or out of order, at most so many are there twice."""
    with Feed(bootstrap, topics.input, partitions, rate) as feed:
        offsets = Offsets(bootstrap, topics)
        yield offsets
        sent = feed.stop()
        offsets.await_end(60)
        offsets.close()
    verdict = judge(bootstrap, topics, sent)
    report("verdict", str(verdict))
    print(verdict)
    assert (verdict.lost, verdict.disordered) == (0, 0) and verdict.duplicates <= repeats, verdict


REPEATS = {"at_least_once": math.inf, "exactly_once": 0}
"""What a guarantee allows where something dies."""


class Appends:
    """When the broker appended each output, by the partition that its input came from: the output topic must have `STAMPED`.

    What nobody may read (an aborted transaction's) is not there, so a partition whose work was thrown away stood still.
    """

    def __init__(self, bootstrap: str, topics: Topics, partitions: int) -> None:
        self._times: dict[int, list[float]] = {n: [] for n in range(partitions)}
        for message in read_all(bootstrap, topics.output):
            self._times[json.loads(message.value())["k"] % partitions].append(message.timestamp()[1] / 1000)
        for times in self._times.values():
            times.sort()

    def longest_pause(self, since: float, until: float, partitions: Collection[int] | None = None) -> float:
        """The most seconds that one of the partitions (all) stood still, of the pauses that overlap these two moments of the clock."""
        return max(_longest(self._times[n], since, until) for n in (self._times if partitions is None else partitions))


def _longest(times: list[float], since: float, until: float) -> float:
    """The end of the records counts as one more, so that a partition that never went on is seen."""
    return max((b - a for a, b in pairwise([*times, max(until, times[-1])]) if b >= since and a <= until), default=until - since) if times else until - since


STAMPED = {"message.timestamp.type": "LogAppendTime"}
"""The output topic's setting for who measures."""
