"""A dead letter as it is read back: where it stands, why it died, and the original in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worker.runtime.ports import Partition


def text_of(data: bytes | None) -> str | None:
    """Bytes for people: UTF-8, and what is none as `\\xff`."""
    return None if data is None else data.decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """Text from a record as a terminal may have it: what would steer it, or turn the line around, is written as its bytes, `\\x1b`."""
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode("utf-8", "surrogatepass")) for c in text)


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `headers` are all of it, `originals` those of the record that died."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    told: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, partition: Partition, record: Any) -> Letter:
        """From a record of the dead-letter topic."""
        headers = tuple((n, v) for n, v in record.headers)
        told = {n: v.decode("utf-8", "replace") for n, v in headers if n.startswith("fsm.") and v is not None}
        return cls(partition.topic, partition.partition, record.offset, record.timestamp, record.key, record.value, headers, told)

    @property
    def at(self) -> str:
        """Where it stands, as `show` and `explain` take it."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def reason(self) -> str:
        """Why it died; empty if the record is none of ours."""
        return self.told.get("fsm.reason", "")

    @property
    def source(self) -> tuple[str, int, int] | None:
        """Topic, partition and offset of the original; None if that is not told."""
        place = [self.told.get(f"fsm.source.{part}", "") for part in ("topic", "partition", "offset")]
        return (place[0], int(place[1]), int(place[2])) if place[0] and place[1].isdecimal() and place[2].isdecimal() else None

    @property
    def source_timestamp(self) -> int:
        """Milliseconds of the original."""
        return _number(self.told.get("fsm.source.timestamp"), self.timestamp)

    @property
    def failed_at(self) -> int:
        """Milliseconds when it died."""
        return _number(self.told.get("fsm.failed_at"), self.timestamp)

    @property
    def redrives(self) -> int:
        """How often it was sent back already."""
        return _number(self.told.get("fsm.redrives"), 0)

    @property
    def originals(self) -> list[tuple[str, bytes | None]]:
        """The headers of the record that died."""
        return [(n, v) for n, v in self.headers if not n.startswith("fsm.")]

    def back(self) -> list[tuple[str, bytes | None]]:
        """The headers that it is sent back with."""
        return [*self.originals, ("fsm.redrives", b"%d" % (self.redrives + 1))]

    def as_dict(self) -> dict[str, Any]:
        """As `list --json` prints it."""
        source = self.source
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset, "key": text_of(self.key), "reason": self.reason,
                "state": self.told.get("fsm.state"), "message": self.told.get("fsm.error.message"), "failed_at": self.failed_at,
                "redrives": self.redrives, "source": None if source is None else {"topic": source[0], "partition": source[1], "offset": source[2]}}

    def whole(self) -> dict[str, Any]:
        """As `show --json` prints it: bytes that are no UTF-8 as base64."""
        return {**self.as_dict(), **_bytes("key", self.key), **_bytes("value", self.value),
                "headers": [{"name": n, **_bytes("value", v)} for n, v in self.headers]}

    def line(self) -> str:
        """As `list` prints it."""
        when = datetime.fromtimestamp(self.failed_at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        source = self.source
        origin = "" if source is None else f" from {source[0]}:{source[1]}:{source[2]}"
        state = f" in {self.told['fsm.state']}" if "fsm.state" in self.told else ""
        message = self.told.get("fsm.error.message", "").replace("\n", " ")[:120]
        key = "no key" if self.key is None else f"key={text_of(self.key)}"
        return printable(f"{self.at} {when} {self.reason or '?'}{state} {key}{origin} redrives={self.redrives} {message}".rstrip())


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.removeprefix("-").isdecimal() else default


def _bytes(name: str, data: bytes | None) -> dict[str, str | None]:
    try:
        return {name: None if data is None else data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data or b"").decode()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are meant; everything that is set must hold. Times in ms of `fsm.failed_at`, the end not included."""

    reasons: Sequence[str] = ()
    states: Sequence[str] = ()
    key: bytes | None = None
    since: int | None = None
    until: int | None = None
    partitions: Sequence[int] = ()

    def __contains__(self, letter: Letter) -> bool:
        return bool((not self.reasons or letter.reason in self.reasons) and (not self.states or letter.told.get("fsm.state") in self.states)
                    and (self.key is None or letter.key == self.key) and (self.since is None or letter.failed_at >= self.since)
                    and (self.until is None or letter.failed_at < self.until) and (not self.partitions or letter.partition in self.partitions))


def pretty(value: bytes | None) -> str:
    """A value for people: JSON indented, anything else as text."""
    if value is None:
        return "(no value)"
    try:
        text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = text_of(value) or ""
    return "\n".join(map(printable, text.split("\n")))
