"""What a broker would refuse is refused before it is sent, and keys go where every other client sends them."""

import random
import time
from types import SimpleNamespace
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from fsm_core.engine.batch import SOURCE, BatchResult, Failure
from tests.unit.test_dead_letters import facts, record
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Part, Router, partition_of


def route(records: list[Any], rows: list[Any], tombstones: str = "pass", failures: Any = (), **other: Any) -> Part:
    output = {"topic": "out", "routes": {}, "headers": "copy", "timestamp": "source", "provenance": False}
    names = {k: other.pop(k) for k in list(other) if k in output}
    config = SimpleNamespace(output=SimpleNamespace(**{**output, **names}), input=SimpleNamespace(tombstones=tombstones))
    router = Router(config, {"out": facts(name="out", **other), "dead": facts()}, DeadLetters({"dead": facts()}, "dead", "m", "d"))
    part = Part("in", 1, records, 0, 0.0)
    empty = [i for i, r in enumerate(records) if r.value is None]
    positions = [i for i, r in enumerate(records) if r.value is not None] if empty else None
    router.outgoing(part, positions, empty, BatchResult(rows=rows, failures=list(failures)))
    return part


def letters(part: Part) -> list[Any]:
    return [r for (topic, _), group in part.groups.items() if topic == "dead" for r in group]


def sent(part: Part) -> list[Any]:
    return [r for (topic, _), group in part.groups.items() if topic == "out" for r in group]


def test_the_partitioner_is_kafkas() -> None:
    """Random keys go where aiokafka, and so Java, would send them."""
    chance, theirs = random.Random(1), DefaultPartitioner()
    for _ in range(3000):
        key, count = chance.randbytes(chance.randrange(40)), chance.randrange(1, 50)
        assert partition_of(key, count) == theirs(key, list(range(count)), [])


def test_rows_and_dead_letters_use_the_same_partitioner() -> None:
    """One key, one partition."""
    part = route([record(key=b"k%d" % i) for i in range(9)], [(i, None, b"v", SOURCE, None, None) for i in range(9)])
    assert all(partition == partition_of(r[1], 3) for (_, partition), group in part.groups.items() for r in group)


def test_a_null_key_for_a_compacted_topic_is_a_dead_letter() -> None:
    """`undeliverable`, counted as failed, never sent."""
    part = route([record(key=None)], [(0, None, b"v", SOURCE, None, None)], compacted=True)
    assert not sent(part) and [x[5] for x in letters(part)] == ["undeliverable"]
    assert part.outcomes["failed"] == 1 and part.outcomes["output"] == 0


def test_a_record_without_a_key_is_lettered_by_its_source_partition() -> None:
    """So that the order of a partition is kept."""
    part = route([record(key=None)], [], failures=[(0, Failure("guard"))])
    assert list(part.groups) == [("dead", 1)]


def test_outputs_without_a_key_go_by_source_partition() -> None:
    """From slice to slice the same output partition: the order of an input partition is kept."""
    for _ in range(9):
        part = route([record(key=None)] * 2, [(i, None, b"v", SOURCE, None, None) for i in range(2)])
        assert list(part.groups) == [("out", 1)]


def test_a_value_too_large_is_a_dead_letter() -> None:
    """The dead letter carries the original, not the output."""
    part = route([record()], [(0, None, b"v" * 2000, SOURCE, None, None)], max_message_bytes=1500)
    assert not sent(part) and [(x[5], x[2]) for x in letters(part)] == [("too_large", b"\x00v")]


def test_a_key_too_large_for_a_small_topic_is_a_dead_letter() -> None:
    """Key and value count together."""
    part = route([record(key=b"k" * 1200)], [(0, None, b"v" * 700, SOURCE, None, None)], max_message_bytes=1500)
    assert not sent(part) and [x[5] for x in letters(part)] == ["too_large"]


def test_timestamps_the_topic_would_refuse_become_now() -> None:
    """Too old, too new, negative: the record is delivered all the same."""
    now = int(time.time() * 1000)
    stamps = [-1, 5, now + (1 << 45), now]
    part = route([record(timestamp=t) for t in stamps], [(i, None, b"v", SOURCE, None, None) for i in range(4)], before_max_ms=10_000)
    assert len(sent(part)) == 4 and all(abs(r[0] - now) < 2000 for r in sent(part))


def test_our_headers_are_not_copied_and_stated_ones_win() -> None:
    """fsm.* of a redriven record do not travel on."""
    source = record(headers=(("a", b"1"), ("b", None), ("fsm.reason", b"x")))
    part = route([source], [(0, None, b"v", SOURCE, [("a", b"2")], None)])
    assert sent(part)[0][3] == [("b", None), ("a", b"2")]


def test_tombstones_pass_drop_or_fail_in_order() -> None:
    """As `input.tombstones` says, and each is counted once."""
    records = [record(key=b"k", value=b"v"), record(key=b"k", value=None), record(key=b"k", value=b"w")]
    rows = [(0, None, b"v", SOURCE, None, None), (1, None, b"w", SOURCE, None, None)]
    part = route(records, list(rows))
    assert [r[2] for r in sent(part)] == [b"v", None, b"w"] and (part.outcomes["output"], part.outcomes["tombstone"]) == (2, 1)
    part = route(records, list(rows), "drop")
    assert [r[2] for r in sent(part)] == [b"v", b"w"] and part.outcomes["drop"] == 1
    part = route(records, list(rows), "fail")
    assert [x[5] for x in letters(part)] == ["malformed"] and part.outcomes["failed"] == 1


def test_a_route_has_its_own_headers_setting() -> None:
    """`headers: none` on a route holds for this route alone, and one that copies does so beside an output that does not."""
    for above, own in (("copy", "none"), ("none", "copy")):
        source = [record(headers=(("a", b"1"),)), record(headers=(("a", b"1"),))]
        part = route(source, [(0, None, b"v", SOURCE, None, None), (1, "r", b"v", SOURCE, None, None)],
                     headers=above, routes={"r": SimpleNamespace(topic="out", headers=own)})
        copied = {r[4]: bool(r[3]) for r in sent(part)}
        assert copied == {0: above == "copy", 1: own == "copy"}


def test_children_count_once_and_go_together_or_not_at_all() -> None:
    """A fan-out with one child too large is one dead letter, and no sibling of it is sent."""
    rows = [(0, None, b"a", SOURCE, None, None), (0, None, b"b", SOURCE, None, None), (1, None, b"c", SOURCE, None, None),
            (1, None, b"v" * 2000, SOURCE, None, None), (1, None, b"v" * 2000, SOURCE, None, None), (2, None, b"d", SOURCE, None, None)]
    part = route([record(key=b"k"), record(key=b"k"), record(key=b"l")], rows, max_message_bytes=1500)
    assert sorted(x[2] for x in sent(part)) == [b"a", b"b", b"d"]
    assert [(x[4], x[5]) for x in letters(part)] == [(1, "too_large")]
    assert dict(part.outcomes) == {"output": 2, "failed": 1, "drop": 0}
