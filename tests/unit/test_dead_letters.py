"""A dead letter is the original byte for byte, with reasons that always fit."""

import time
from types import SimpleNamespace
from typing import Any

from fsm_core.engine.batch import Failure
from worker.delivery.dead_letters import DeadLetters, clip, size_of
from worker.runtime.ports import TopicFacts


def facts(**other: Any) -> TopicFacts:
    given: dict[str, Any] = {"name": "dead", "partitions": 3, "max_message_bytes": 1_000_000, "compacted": False, "before_max_ms": 1 << 60,
                             "after_max_ms": 3_600_000, "retention_ms": -1, "log_append_time": False}
    return TopicFacts(**{**given, **other})


def record(**other: Any) -> Any:
    return SimpleNamespace(**{"offset": 7, "timestamp": int(time.time() * 1000) - 1000, "key": b"\xff", "value": b"\x00v", "headers": (), **other})


def make(source: Any, failure: Failure | None = None, **other: Any) -> Any:
    return DeadLetters({"dead": facts(**other)}, "dead", "m", "d").make(source, "in", 2, 0, failure or Failure("guard", error="E", message="why", path=("a", "b")))


def test_key_value_and_foreign_headers_are_kept_and_ours_are_replaced() -> None:
    """fsm.* of an earlier life do not pile up."""
    letter = make(record(headers=(("x", b"1"), ("fsm.reason", b"old"), ("x", None), ("fsm.state", b"old"))))
    assert (letter.key, letter.value, letter.dead) == (b"\xff", b"\x00v", "guard")
    assert letter.headers[:2] == [("x", b"1"), ("x", None)]
    names = [n for n, _ in letter.headers if n.startswith("fsm.")]
    assert len(names) == len(set(names)) and "fsm.state" not in names
    told = dict(letter.headers)
    assert told["fsm.reason"] == b"guard" and told["fsm.source.offset"] == b"7" and told["fsm.path"] == b"a>b"


def test_redrives_are_kept() -> None:
    """The count of redrives survives, the last one wins, none is 0."""
    assert dict(make(record(headers=(("fsm.redrives", b"1"), ("fsm.redrives", b"2")))).headers)["fsm.redrives"] == b"2"
    assert dict(make(record()).headers)["fsm.redrives"] == b"0"


def test_text_is_clipped_to_a_kibibyte_of_whole_characters() -> None:
    """The middle goes; lone surrogates do no harm."""
    for text in ("ä" * 5000, "a" + "😀" * 900, "x" * 1025):
        data = clip(text)
        assert len(data) <= 1024 and "…" in data.decode()
    assert clip("x" * 1024) == b"x" * 1024
    assert clip("\ud800") == b"?"


def test_a_timestamp_the_topic_would_refuse_or_expire_becomes_now() -> None:
    """Else the broker refuses the letter, or retention removes it before anybody reads it."""
    now = int(time.time() * 1000)
    for source, other in ((-1, {}), (now + 7_200_000, {}), (now - 5000, {"before_max_ms": 1000}), (now - 5000, {"retention_ms": 6000})):
        assert abs(make(record(timestamp=source), **other).timestamp - now) < 2000
    assert make(record(timestamp=1), ).timestamp == 1


def test_optional_headers_are_shed_where_they_do_not_fit() -> None:
    """A record as large as its topic takes still leaves room for the reason."""
    source = record(value=b"v" * 1000)
    letter = make(source, Failure("guard", message="m" * 900, path=("p" * 500,)), max_message_bytes=1700)
    names = [n for n, _ in letter.headers]
    assert size_of(letter.key, letter.value, letter.headers) <= 1700
    assert "fsm.reason" in names and "fsm.path" not in names and letter.value == source.value
