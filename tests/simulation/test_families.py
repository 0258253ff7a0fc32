"""A fan-out goes together, also where only the broker refuses: one input, one dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fsm_core.engine.batch import SOURCE, BatchResult
from tests.simulation.books import BOOKS, held, reader
from tests.simulation.world import DEAD, IN, OUT, World
from worker.delivery import exactly_once, isolation
from worker.runtime.ports import Partition

BOTH = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])


class Families:
    """An input `kind:…` becomes children with the letters of its kind; x is what the broker refuses, ! what the machine does."""

    is_async = False

    def run(self, values: list[bytes], _metas: Any = None, _now: Any = None) -> BatchResult:
        """One batch; each child has a key of its own, so that the children lie in several partitions."""
        result = BatchResult()
        for position, value in enumerate(values):
            kind, _, rest = value.partition(b":")
            for number, letter in enumerate(kind.decode()):
                result.rows.append((position, None, f"{letter}{number}".encode() + b":" + rest, SOURCE if len(kind) == 1 else b"%d" % number, None, None))
        return result


async def until(what: Callable[[], Any]) -> None:
    """Wait for a condition, a while at most."""
    end = asyncio.get_running_loop().time() + 5
    while not what():
        await asyncio.sleep(0.001)
        assert asyncio.get_running_loop().time() < end


def world(guarantee: str) -> World:
    """Families, and a broker that refuses some of the children."""
    made = World(guarantee=guarantee, machine=Families())
    made.kafka.refuse = lambda topic, record: topic == OUT and (record[2] or b"").startswith(b"x")
    made.kafka.on_commit = lambda _consumer, _partition, _offset: None
    return made


@BOTH
async def test_children_that_the_broker_refuses_make_one_dead_letter(guarantee: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are, and wherever they go; what comes after them goes on in order."""
    monkeypatch.setattr(exactly_once, "CLEAN_RECORDS", 4)
    monkeypatch.setattr(isolation, "CLEAN_RECORDS", 4)
    it = world(guarantee)
    inputs = ["o", "xxxx", "oxoxo", "oooo", "xx", "o"]
    for offset, kind in enumerate(inputs):
        it.kafka.put(IN, 0, f"{kind}:0:{offset}".encode(), b"k")
    await it.join()
    process = it.processes[0]
    await until(lambda: sum(process.counters.processed.values()) == len(inputs))
    assert sorted(r.value or b"" for r in it.visible(DEAD)) == [b"oxoxo:0:2", b"xx:0:4", b"xxxx:0:1"]
    assert +process.counters.processed == {"output": 3, "failed": 3}
    assert process.counters.dead_letters == {"too_large": 3}
    out = {r.value for r in it.visible(OUT)}
    assert {b"o0:0:0", b"o0:0:5", *(b"o%d:0:3" % n for n in range(4))} <= out
    if guarantee == "exactly_once":
        assert len(out) == 6, "no sibling of what was refused is out"
    await until(it.done)
    assert await process.stop()


@BOTH
async def test_no_sibling_is_sent_after_its_parent_died(guarantee: str) -> None:
    """Those before it may be out by then, at least once."""
    it = world(guarantee)
    it.kafka.put(IN, 0, b"xo:0:0")
    await it.join()
    process = it.processes[0]
    await until(it.done)
    assert [r.value for r in it.visible(DEAD)] == [b"xo:0:0"]
    assert len(it.visible(OUT)) <= (guarantee == "at_least_once"), "only with the batches of the first try"
    assert await process.stop()


@BOTH
async def test_a_culprit_at_the_end_of_its_slice_leaves_the_books_alone(guarantee: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the quarantine changed belongs to the whole slice, not to its last record."""
    it = World(guarantee=guarantee)
    it.quarantine = reader(it.kafka)
    for value, key in ((b"bad:0:0", b"a"), (b"ok:0:1", b"b"), (b"poison:0:2", b"c")):
        it.kafka.put(IN, 0, value, key)
    await it.join()
    await until(it.done)
    assert set(held(it.kafka)) == {b"a"}
    assert await it.processes[0].stop()


@BOTH
async def test_books_that_the_broker_refuses_hold_their_lane(guarantee: str) -> None:
    """They are no record's, so no record becomes a dead letter for them; nothing is committed past them."""
    it = World(guarantee=guarantee)
    it.quarantine = reader(it.kafka)
    refusing = [True]
    it.kafka.refuse = lambda topic, _record: topic == BOOKS.topic and bool(refusing)
    for value, key in ((b"bad:0:0", b"a"), (b"ok:0:1", b"b")):
        it.kafka.put(IN, 0, value, key)
    await it.join()
    process = it.processes[0]
    await until(lambda: process.counters.dead_letter_publish_failures > 2)
    assert not it.kafka.offsets.get(Partition(IN, 0))
    refusing.clear()
    await until(lambda: it.kafka.offsets.get(Partition(IN, 0)) == 2)
    assert set(held(it.kafka)) == {b"a"}
    assert {r.value for r in it.visible(DEAD)} == {b"bad:0:0"}
    assert {r.value for r in it.visible(OUT)} == {b"ok:0:1"}
    assert await process.stop()
