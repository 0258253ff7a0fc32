"""A failed record as a dead letter: the original byte for byte, and why, in headers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fsm_core.engine.batch import Failure
from worker.runtime.ports import Outgoing, TopicFacts

_TEXT_LIMIT = 1024
_OPTIONAL = ("fsm.path", "fsm.error.message", "fsm.error.type", "fsm.function", "fsm.state")
OVERHEAD = 100
"""Bytes of a one-record batch that are not the record's key, value and headers."""


def clip(text: str) -> bytes:
    """At most 1 KiB of UTF-8, the middle elided."""
    data = text.encode("utf-8", "replace")
    if len(data) <= _TEXT_LIMIT:
        return data
    half = _TEXT_LIMIT // 2 - 2
    return data[:half].decode("utf-8", "ignore").encode() + "…".encode() + data[-half:].decode("utf-8", "ignore").encode()


def size_of(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> int:
    """Bytes of a record alone in a batch, a little too many rather than too few."""
    size = OVERHEAD + len(key or b"") + len(value or b"")
    return size + sum(len(name.encode()) + len(data or b"") + 10 for name, data in headers)


class DeadLetters:
    """Makes dead letters of one machine for one dead-letter topic."""

    def __init__(self, topics: Mapping[str, TopicFacts], topic: str, machine_name: str, digest: str) -> None:
        self._topics, self._topic = topics, topic
        self.machine_name, self.digest = machine_name, digest

    @property
    def facts(self) -> TopicFacts:
        """What the topic refuses, as it was last heard."""
        return self._topics[self._topic]

    def make(self, record: Any, topic: str, partition: int, position: int, failure: Failure) -> Outgoing:
        """The dead letter of `record`, read from topic:partition."""
        now = int(time.time() * 1000)
        original = [(n, v) for n, v in record.headers if not n.startswith("fsm.")]
        headers = original + self._reasons(record, topic, partition, failure, now)
        return Outgoing(self._timestamp(record.timestamp, now), record.key, record.value, self._fit(record, headers), position, failure.reason)

    def _reasons(self, record: Any, topic: str, partition: int, failure: Failure, now: int) -> list[tuple[str, bytes | None]]:
        redrives = next((v for n, v in reversed(record.headers) if n == "fsm.redrives" and v), b"0")
        told = {
            "fsm.reason": failure.reason, "fsm.error.type": failure.error, "fsm.error.message": failure.message or None,
            "fsm.state": failure.state, "fsm.function": failure.function, "fsm.path": ">".join(failure.path) or None,
            "fsm.attempts": str(failure.attempts), "fsm.machine": self.machine_name, "fsm.machine.digest": self.digest,
            "fsm.source.topic": topic, "fsm.source.partition": str(partition), "fsm.source.offset": str(record.offset),
            "fsm.source.timestamp": str(record.timestamp), "fsm.failed_at": str(now),
        }
        return [(n, clip(v)) for n, v in told.items() if v is not None] + [("fsm.redrives", redrives)]

    def _timestamp(self, source: int, now: int) -> int:
        f = self.facts
        refused = not now - f.before_max_ms <= source <= now + f.after_max_ms
        expires = f.retention_ms >= 0 and now - source > f.retention_ms / 2
        return now if refused or expires or source < 0 else source

    def _fit(self, record: Any, headers: list[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
        """Shed optional headers until the record fits; a record that does not even then is sent as it is and holds its lane."""
        for name in _OPTIONAL:
            if size_of(record.key, record.value, headers) <= self.facts.max_message_bytes:
                break
            headers = [(n, v) for n, v in headers if n != name]
        return headers
