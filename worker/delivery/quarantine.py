"""Keys of which a record died: later ones follow it to the dead letters, in order, until as many came back as went.

The books are kept in a compacted topic, each change beside the dead letter that made it: the same part, and so the same transaction
where there are any. Nothing else releases a key but its own records that come back and pass, at the very place in the partition
where they do: so no later record can overtake an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from worker.runtime.ports import NO_RECORD, Outgoing

MOST_KEYS = 10_000
"""Keys of one partition; with more its lane pauses."""
_LONG_KEY = 256


@dataclass(frozen=True, slots=True)
class Held:
    """A key in quarantine: since which offset, up to which it is counted, and how many of its dead letters are out."""

    since: int
    upto: int
    count: int

    def as_bytes(self) -> bytes:
        """As it stands in the topic."""
        return json.dumps({"since": self.since, "upto": self.upto, "count": self.count}).encode()

    @classmethod
    def of(cls, data: bytes) -> Held:
        """From the topic."""
        told = json.loads(data)
        return cls(told["since"], told["upto"], told["count"])


@dataclass(slots=True)
class Ruling:
    """What a slice comes to: positions that are held back, and what changes in the books (None: released)."""

    held: list[int] = field(default_factory=list)
    changes: dict[bytes, Held | None] = field(default_factory=dict)


def topic_of(dead_letter_topic: str) -> str:
    """Where the books of a dead-letter topic's quarantine are kept."""
    return f"{dead_letter_topic}.quarantine"


def name_of(key: bytes) -> bytes:
    """A key as it stands in the books: a long one as its hash."""
    return key if len(key) <= _LONG_KEY else b"sha256:" + sha256(key).digest()


def prefix_of(group: str, topic: str, partition: int) -> bytes:
    """What the books' keys of one input partition begin with; no group and no topic holds a zero byte."""
    return f"{group}\0{topic}\0{partition}\0".encode()


def comes_back(record: Any) -> bool:
    """Whether a redrive sent it."""
    return any(name == "fsm.redrives" and value not in (None, b"0") for name, value in record.headers)


class Quarantine:
    """The keys of one lane. Rulings are made before a slice is sent and kept (`keep`) when it is."""

    def __init__(self, topic: str, place: int, prefix: bytes, keys: dict[bytes, Held], most: int = MOST_KEYS) -> None:
        self.topic, self.place, self.prefix, self.keys, self.most = topic, place, prefix, keys, most

    def known(self, records: Sequence[Any]) -> set[int]:
        """Positions that are held whatever else is in the slice: the machine need not see them."""
        if not self.keys:
            return set()
        returning = {r.key for r in records if comes_back(r)}
        return {i for i, r in enumerate(records) if r.key is not None and r.key not in returning
                and (held := self.keys.get(name_of(r.key))) is not None and r.offset >= held.since}

    def rule(self, records: Sequence[Any], died: Collection[int]) -> Ruling:
        """Walk a slice in its order. What is counted already, before a restart, is not counted again."""
        ruling = Ruling()
        if not died and not self.keys:
            return ruling
        changes = ruling.changes
        for position, record in enumerate(records):
            if record.key is None:
                continue
            name = name_of(record.key)
            held = changes[name] if name in changes else self.keys.get(name)
            if held is None:
                if position in died:
                    changes[name] = Held(record.offset, record.offset, 1)
            elif record.offset < held.since:
                continue
            elif not comes_back(record):
                ruling.held.append(position)
                if record.offset > held.upto:
                    changes[name] = Held(held.since, record.offset, held.count + 1)
            elif position not in died and record.offset > held.upto:
                changes[name] = Held(held.since, record.offset, held.count - 1) if held.count > 1 else None
        return ruling

    def full(self, ruling: Ruling) -> bool:
        """Whether the ruling would hold more keys than may be."""
        more = sum((held is not None) - (name in self.keys) for name, held in ruling.changes.items() if held is None or name not in self.keys)
        return more > 0 and len(self.keys) + more > self.most

    def keep(self, ruling: Ruling) -> None:
        """The slice is on its way."""
        for name, held in ruling.changes.items():
            if held is None:
                self.keys.pop(name, None)
            else:
                self.keys[name] = held

    def entries(self, ruling: Ruling, now: int) -> list[Outgoing]:
        """The changes, to be sent with the slice; they are of no single record of it."""
        return [Outgoing(now, self.prefix + name, None if held is None else held.as_bytes(), [], NO_RECORD) for name, held in ruling.changes.items()]
