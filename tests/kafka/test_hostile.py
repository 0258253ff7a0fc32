"""Hostile records through real workers on a real Kafka: every offset has one outcome.

FSM_HOSTILE_RECORDS says how many for each machine (1,500 unless given; the full measure is 20,000).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from confluent_kafka import Producer

from benchmarks.hostile import EXAMPLES
from benchmarks.hostile_records import Attack, Hostile
from fsm_core import load
from fsm_core.casebook import parse_cases
from fsm_core.document import load_document
from tests.kafka.case import Case, samples
from tests.kafka.outside import Read, read

RECORDS = int(os.environ.get("FSM_HOSTILE_RECORDS", "1500"))
LARGE = {"max.message.bytes": "8000000", "message.timestamp.after.max.ms": str((1 << 63) - 1)}
LARGER = {**LARGE, "max.message.bytes": "9000000"}


def throw(bootstrap: str, topic: str, records: Iterable[Hostile]) -> None:
    """Produce as it is; a timestamp that no client sends is now."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "enable.idempotence": True, "message.max.bytes": 8_000_000, "partitioner": "murmur2_random"})
    refused: list[Any] = []
    for record in records:
        while True:
            try:
                producer.produce(topic, value=record.value, key=record.key, headers=list(record.headers), timestamp=max(0, record.timestamp),
                                 on_delivery=lambda error, _: refused.append(error) if error else None)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0 and not refused, refused[:3]


def places(records: Iterable[Read]) -> Counter[tuple[int, int]]:
    """How often each input offset is named."""
    return Counter((int(r.told["fsm.source.partition"] or b""), int(r.told["fsm.source.offset"] or b"")) for r in records)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("machine, guarantee, trust", [
    ("events/machine.yaml", "at_least_once", False), ("jobs/access_log.yaml", "at_least_once", True), ("jobs/sensors.yaml", "exactly_once", False)])
def test_every_offset_has_one_outcome(make_case: Callable[..., Case], make_topic: Any, machine: str, guarantee: str, trust: bool) -> None:
    """I6 and I7: output, dead letter or counted drop, byte for byte; the group stands at the end, the worker ends with 0."""
    case, path = make_case(3, LARGE, LARGE, LARGER), EXAMPLES / machine
    given = [c.given for c in parse_cases(load_document(path, False))[0]]
    attack = Attack(11, given, int(time.time() * 1000))
    throw(case.bootstrap, case.source, (attack.record(i) for i in range(RECORDS)))
    routes = {s.route: {"topic": case.out} for s in load(path).definition.states.values() if s.route}
    case.config |= {"machine": str(path), "trust": trust, "output": {"topic": case.out, "routes": routes, "provenance": True}, "delivery": {"guarantee": guarantee}}
    started = time.monotonic()
    with case.run() as running:
        running.ready()
        case.done(running)
        seconds = time.monotonic() - started
        drops = sum(v for (name, labels), v in samples(running).items() if name == "records_processed_total" and "drop" in labels)
        assert running.stop() == 0, running.tail()
    letters, source = case.dead(), {(r.partition, r.offset): r for r in read(case.bootstrap, case.source)}
    outputs, dead, there = places(case.outputs()), places(letters), source.keys()
    assert len(there) == RECORDS and not outputs.keys() & dead.keys() and outputs.keys() | dead.keys() <= there
    assert set(outputs.values()) | set(dead.values()) == {1}, "twice"
    assert all((r.key, r.value) == (source[at].key, source[at].value) for r in letters for at in places([r]))
    assert len(there) - len(outputs) - len(dead) == drops
    print(f"{machine} {guarantee}: {RECORDS} records, {len(outputs)} outputs, {len(dead)} dead, {drops:.0f} dropped in {seconds:.1f} s with the start")
