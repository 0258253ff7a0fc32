"""Every kind of trouble at once, on a real Kafka, held against an independent computation.

FSM_TEST_RECORDS says how many records (30,000 unless given; the full measure is 100,000).
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.outside import Fed, Read, committed, ends, feed, read
from tests.kafka.worker_process import until, worker

RECORDS = int(os.environ.get("FSM_TEST_RECORDS", "30000"))
PARTITIONS = 4
MACHINE: dict[str, Any] = {
    "name": "Trouble", "version": "7", "main_network": "main", "networks": [{"name": "main", "states": [
        {"name": "received", "is_start": True},
        {"name": "checked", "on_error": "rejected", "functions": {"validate": {
            "required": ["id", "qty", "price"], "types": {"qty": "integer", "price": "number", "customer": "string"},
            "ranges": {"qty": [1, 100], "price": [0, None]}}}},
        {"name": "priced", "set": {"gross": "=data.qty * data.price", "letters": "=len(data.note)"}},
        {"name": "accepted", "is_end": True},
        {"name": "review", "is_end": True, "outcome": "output", "route": "review"},
        {"name": "rejected", "is_end": True, "outcome": "error"},
        {"name": "ignored", "is_end": True, "outcome": "drop", "reason": "test"},
    ], "arcs": [
        {"from": "received", "to": "ignored", "condition": "coalesce(data.kind, '') == 'test'"},
        {"from": "received", "to": "checked", "else": True},
        {"from": "checked", "to": "priced"},
        {"from": "priced", "to": "review", "condition": "data.gross > 2000"},
        {"from": "priced", "to": "accepted", "condition": "data.gross < 1000"},
    ]}]}


# --- what is fed ------------------------------------------------------------------------------------------------------
def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _value(rng: random.Random, i: int) -> bytes | None:
    good = {"id": i, "qty": rng.randint(1, 30), "price": rng.choice([1, 2.5, 19.99, 33, 80]), "note": rng.choice(["", "ä€😀", "plain"]), "customer": f"c{i % 90}"}
    if rng.random() < 0.5:
        return json.dumps(good).encode()
    head = json.dumps(good)[:-1]
    name = rng.choice(list(good))
    choices: list[Any] = [
        {n: v for n, v in good.items() if n != name}, {**good, name: rng.choice([None, True, [], {}, "7", 7, -1, 2.5, 3.0])},
        {**good, "kind": "test"}, {**good, "kind": rng.choice([None, [], 1, "prod"])}, {**good, "note": rng.choice([[1, 2], {"a": None}, 5, None])},
        head.encode(), json.dumps(good).encode()[: rng.randint(1, 40)], rng.choice([b"1", b"null", b'"text"', b"true", b"-0.5"]), b"[1,2]", b"",
        rng.randbytes(rng.randint(1, 60)), b"\xef\xbb\xbf" + json.dumps(good).encode(), json.dumps(good).encode("utf-16"), None,
        {**good, "pad": "x" * 20_000}, (head + ',"pad":"' + "y" * 20_000).encode(), (head + ',"x":NaN}').encode(), (head + ',"x":-Infinity}').encode(),
        (head + ',"x":1e400}').encode(), (head + ',"x":"\\ud800"}').encode(), (head + ',"x":"a\\udc00b"}').encode(), (head + ',"x":"\\ud83d\\ude00"}').encode(),
        (head + f',"x":{_nested(200)}}}').encode(), (head + f',"x":{_nested(300)}}}').encode(), (head + f',"x":{_nested(3000)}}}').encode(),
        {**good, "x": 10**30}, {**good, "x": -(10**40)}, {**good, "x": 2**64 - 1}, {**good, "x": 2**64}, {**good, "x": -(2**63)},
        {**good, "price": 2**62}, {**good, "price": 1e308, "qty": 100}, {**good, "qty": 10**25}, {**good, "price": 10**25}, {**good, "x": None},
        b" " + json.dumps(good).encode() + b"\n", json.dumps(good).encode() + b" x", (head + ',"id":77,"a":1,"a":2}').encode(), {"": {}}, {},
    ]
    value = rng.choice(choices)
    return json.dumps(value).encode() if isinstance(value, dict) else value  # type: ignore[no-any-return]


def _headers(rng: random.Random) -> list[tuple[str, bytes | None]]:
    if rng.random() < 0.6:
        return []
    return rng.choice([
        [("trace", b"1")], [("dup", b"1"), ("dup", b"2"), ("other", b""), ("dup", b"1")], [("bin", b"\x00\xff\xfe"), ("null", None)], [("empty", b"")],
        [("null", None), ("null", b""), ("null", None)], [("fsm.redrives", b"2"), ("keep", b"k"), ("fsm.reason", b"old")], [("ключ", "ä".encode())],
    ])


def _feed(rng: random.Random, start: int) -> Iterator[Fed]:
    for i in range(RECORDS):
        key = rng.choice([None, b"", b"\x00\xff" + bytes([i % 7]), *(f"k{rng.randrange(300)}".encode() for _ in range(8))])
        yield Fed(key, _value(rng, i), _headers(rng), start + i)


# --- what must come of it, computed without the worker --------------------------------------------------------------------
class _Bad(ValueError):
    pass


def _refuse(text: str) -> Any:
    raise _Bad(text)


def _integer(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(number)


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)  # type: ignore[no-any-return]


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0) if isinstance(value, dict | list) else 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _valid(data: dict[str, Any]) -> bool:
    qty, price, customer = data.get("qty"), data.get("price"), data.get("customer")
    return (data.get("id") is not None and _number(qty) and float(qty).is_integer() and 1 <= qty <= 100 and _number(price) and price >= 0
            and (customer is None or isinstance(customer, str)))


def fate(value: bytes | None) -> tuple[str, Any]:
    """(output | review, record), (drop, None), (tombstone, None) or (dead, reason)."""
    if value is None:
        return "tombstone", None
    try:
        data = json.loads(value.decode(), parse_constant=_refuse, parse_int=_integer, parse_float=_float)
        json.dumps(data, ensure_ascii=False).encode()  # a lone surrogate does not encode
    except (ValueError, RecursionError):
        return "dead", "malformed"
    if not isinstance(data, dict):
        return "dead", "malformed"
    if data.get("kind") == "test":
        return "drop", None
    if not _valid(data):
        return "dead", "rejected"
    if not isinstance(data.get("note"), str | list | dict):
        return "dead", "transform"
    data |= {"gross": data["qty"] * data["price"], "letters": len(data["note"])}
    if 1000 <= data["gross"] <= 2000:
        return "dead", "no_arc"
    if _depth(data) > 254 or math.isinf(data["gross"]):
        return "dead", "unencodable"
    return ("review" if data["gross"] > 2000 else "output"), data


# --- what is compared -------------------------------------------------------------------------------------------------
def _own(headers: list[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    return [(n, v) for n, v in headers if not n.startswith("fsm.")]


def _by_key(rows: list[tuple[bytes | None, tuple[Any, ...]]]) -> dict[Any, Any]:
    """Per key in order; records without a key in any order, as their output partition is free."""
    keyed: dict[Any, Any] = defaultdict(list)
    for key, row in rows:
        keyed[key].append(row)
    return {key: Counter(map(repr, found)) if key is None else found for key, found in keyed.items()}


def _same(actual: list[tuple[bytes | None, tuple[Any, ...]]], expected: list[tuple[bytes | None, tuple[Any, ...]]]) -> None:
    assert len(actual) == len(expected)
    left, right = _by_key(actual), _by_key(expected)
    assert left.keys() == right.keys()
    wrong = [(key, left[key], right[key]) for key in right if left[key] != right[key]]
    assert not wrong, f"{len(wrong)} keys differ; {wrong[0][0]!r}: {_first(wrong[0][1], wrong[0][2])}"


def _first(actual: Any, expected: Any) -> str:
    if isinstance(actual, Counter):
        return f"too many {str(list((actual - expected).items())[:1])[:800]}, missing {str(list((expected - actual).items())[:1])[:800]}"
    return next((f"{str(a)[:800]} is not {str(e)[:800]}" for a, e in zip(actual, expected, strict=False) if a != e), f"{len(actual)} is not {len(expected)}")


def _told(record: Read) -> dict[str, bytes | None]:
    names = [n for n, _ in record.headers if n.startswith("fsm.")]
    assert len(names) == len(set(names)), "a header of ours stands twice"
    assert all(n.startswith("fsm.") for n, _ in record.headers[-len(names):]), "ours come after the originals"
    return {n: v for n, v in record.headers if n.startswith("fsm.")}


def _dead_rows(dead: list[Read], source: dict[tuple[int, int], Read], topic: str, digest: str, since: int) -> list[tuple[bytes | None, tuple[Any, ...]]]:
    rows = []
    for record in dead:
        told = _told(record)
        assert told["fsm.source.topic"] == topic.encode()
        place = int(told["fsm.source.partition"] or b""), int(told["fsm.source.offset"] or b"")
        origin = source[place]
        assert told["fsm.source.timestamp"] == str(origin.timestamp).encode()
        assert (told["fsm.machine"], told["fsm.machine.digest"], told["fsm.attempts"]) == (b"Trouble", digest.encode(), b"1")
        assert told["fsm.redrives"] == (origin.told.get("fsm.redrives") or b"0")
        assert since <= int(told["fsm.failed_at"] or b"") <= time.time() * 1000
        assert len(told.get("fsm.error.message") or b"") <= 1024
        assert ("fsm.state" in told) == (told["fsm.reason"] != b"malformed")
        rows.append((record.key, (place, told["fsm.reason"], record.value, _own(record.headers), record.timestamp)))
    return rows


@pytest.mark.timeout(300)
def test_every_trouble(kafka: Any, make_topic: Any, tmp_path: Path) -> None:
    """Whatever is fed, each record is found once where the machine says, byte for byte, in order, and the offsets end at the end."""
    source, out, review, dlq = (make_topic(PARTITIONS, name=n) for n in ("trouble.in", "trouble.out", "trouble.review", "trouble.dlq"))
    since = int(time.time() * 1000)
    assert feed(kafka.bootstrap, source, _feed(random.Random(11), since - 3_000_000)) == RECORDS
    config = {
        "name": "trouble", "machine": MACHINE, "kafka": {"bootstrap_servers": kafka.bootstrap, "group_id": source}, "input": {"topics": [source]},
        "output": {"topic": out, "routes": {"review": review}}, "dead_letter": {"topic": dlq, "breaker": {"action": "off"}}}
    with worker(tmp_path, config) as running:
        running.ready()
        goal = ends(kafka.bootstrap, source)
        assert sum(goal.values()) == RECORDS
        until(lambda: committed(kafka.bootstrap, source, source) == goal, 120, "all of it committed", running)
        status = running.status()
        assert running.stop() == 0, running.tail()
    assert committed(kafka.bootstrap, source, source) == goal
    _judge(kafka.bootstrap, (source, out, review, dlq), status, since)


def _judge(bootstrap: str, topics: tuple[str, str, str, str], status: dict[str, Any], since: int) -> None:
    source, out, review, dlq = (read(bootstrap, t) for t in topics)
    fates = [(r, *fate(r.value)) for r in source]
    for name, found in (("output", out), ("review", review)):
        expected = [(r.key, (repr(data), _own(r.headers), r.timestamp)) for r, what, data in fates if what in (name, {"output": "tombstone"}.get(name))]
        _same([(r.key, (repr(r.value if r.value is None else json.loads(r.value)), r.headers, r.timestamp)) for r in found], expected)
        _same_partition(found, source)
    expected = [(r.key, ((r.partition, r.offset), why.encode(), r.value, _own(r.headers), r.timestamp)) for r, what, why in fates if what == "dead"]
    digest = status["machine"]["digest"]
    _same(_dead_rows(dlq, {(r.partition, r.offset): r for r in source}, topics[0], digest, since), expected)
    _same_partition(dlq, source)
    reasons = Counter(why for _, what, why in fates if what == "dead")
    assert set(reasons) == {"malformed", "rejected", "transform", "no_arc", "unencodable"}, "the feed holds every trouble"
    assert status["dead_letters"] == reasons
    assert status["totals"]["dropped"] == sum(what == "drop" for _, what, _ in fates)


def _same_partition(found: list[Read], source: list[Read]) -> None:
    """With as many partitions, a key is where Kafka's own partitioner put it."""
    home = {r.key: r.partition for r in source if r.key is not None}
    assert all(home[r.key] == r.partition for r in found if r.key is not None)
