"""Deletes the oldest dead letters, and says first what they are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.config.load import LoadedConfig
from worker.delivery.quarantine import name_of, prefix_of, topic_of
from worker.kafka.deletion import delete_before
from worker.kafka.settings import connection
from worker.kafka.topic_reader import TopicReader
from worker.runtime.ports import Outgoing, Partition
from worker.tools.letters import Letter
from worker.tools.redrive import Refusal
from worker.tools.redriving import returning
from worker.tools.sessions import visit

Key = tuple[str, int, bytes]
"""Input topic, partition, and the key as the quarantine's books name it."""


@dataclass(slots=True)
class Purge:
    """What was deleted, or would be. `offsets` are the first that stay."""

    topic: str
    execute: bool
    offsets: dict[int, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    released: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As `purge --json` prints it."""
        return {"executed": self.execute, "topic": self.topic, "deleted": self.reasons.total(), "reasons": dict(self.reasons),
                "released_keys": self.released,
                "first_offsets": {str(p): o for p, o in sorted(self.offsets.items())}}

    def __str__(self) -> str:
        verb = "deleted" if self.execute else "would delete"
        lines = [f"{verb} {self.reasons.total():,} dead letters of {self.topic}"]
        lines += [f"  reason {name or '?'}: {count:,}" for name, count in sorted(self.reasons.items())]
        lines += [f"  partition {p} begins at {o}" for p, o in sorted(self.offsets.items())]
        lines += [f"  {self.released:,} keys leave the quarantine when their partition is opened again"] if self.released else []
        return "\n".join(lines if self.execute else [*lines, "nothing was deleted: --yes does it"])


def borders(before: Sequence[str], topic: str, stretches: dict[Partition, tuple[int, int]]) -> dict[Partition, int]:
    """`0:1200`, `1200`, `end` → the first offset that stays, of partitions that have something to delete."""
    found: dict[Partition, int] = {}
    for text in before:
        number, _, offset = text.rpartition(":")
        if number and Partition(topic, int(number)) not in stretches:
            raise Refusal(f"topic {topic} has no partition {number}")
        for partition, (begin, end) in stretches.items():
            if not number or partition.partition == int(number):
                border = end if offset == "end" else min(int(offset), end)
                if border > begin:
                    found[partition] = border
    return found


async def purge(loaded: LoadedConfig, before: Sequence[str], execute: bool) -> Purge:
    """Count what stands before the borders, then delete it. Raises Refusal for a partition that is not there."""
    topic, where = loaded.config.dead_letter.topic, connection(loaded.config)
    report, keys = Purge(topic, execute), set[Key]()
    async with TopicReader(where) as reader:
        stretches = await reader.stretches([topic])
        wanted = borders(before, topic, stretches)
        async for partition, records in reader.read({p: (stretches[p][0], border) for p, border in wanted.items()}):
            letters = [Letter.of(partition, r) for r in records]
            report.reasons.update(letter.reason for letter in letters)
            keys.update(key for letter in letters if (key := _key(letter)) is not None)
        if loaded.config.dead_letter.quarantine == "key" and keys:
            async for partition, records in reader.read({p: (wanted.get(p, begin), end) for p, (begin, end) in stretches.items()}):
                keys.difference_update([_key(Letter.of(partition, r)) for r in records])
    report.offsets = {p.partition: o for p, o in wanted.items()}
    if execute and wanted:
        report.offsets = {p.partition: o for p, o in (await delete_before(where, wanted)).items()}
        if loaded.config.dead_letter.quarantine == "key":
            report.released = await _release(loaded, keys)
    return report


def _key(letter: Letter) -> Key | None:
    return None if letter.key is None or letter.source is None else (letter.source[0], letter.source[1], name_of(letter.key))


async def _release(loaded: LoadedConfig, keys: Collection[Key]) -> int:
    """Take keys of which no dead letter is left out of the quarantine: nothing of them can come back any more."""
    site = await visit(loaded)
    books = site.facts[topic_of(site.config.dead_letter.topic)]
    records: dict[Partition, list[Outgoing]] = {}
    for topic, partition, name in sorted(keys):
        records.setdefault(Partition(books.name, partition % books.partitions), []).append(
            Outgoing(int(time.time() * 1000), prefix_of(site.group, topic, partition) + name, None, [], 0))
    if records:
        async with returning(site, f"{site.group}.purge") as sender:
            await sender.publish(records)
    return len(keys)
