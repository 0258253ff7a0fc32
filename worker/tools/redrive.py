"""Sends dead letters back: to the topic they came from, or through the machine to its outputs; once, in order, and byte for byte."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.delivery.routing import partition_of
from worker.runtime.ports import Outgoing, Partition, TopicFacts
from worker.tools.letters import Letter, Wanted
from worker.tools.marks import Marks, MarksFull

BATCH = 500
_EXAMPLES = 20


class Refusal(Exception):
    """A redrive that must not go on; says why and what to do."""


class Sender(Protocol):
    """One transaction after the other: `worker.kafka.returning.Returning`, or a fake."""

    async def positions(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, str]]: ...
    async def send(self, records: Mapping[Partition, Sequence[Outgoing]]) -> dict[Partition, list[int]]: ...
    async def commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> None: ...
    async def abort(self) -> None: ...


class Reading(Protocol):
    """`worker.kafka.topic_reader.TopicReader`, or a fake."""

    async def stretches(self, topics: Sequence[str]) -> dict[Partition, tuple[int, int]]: ...
    def read(self, wanted: Mapping[Partition, tuple[int, int]]) -> Any: ...


class Aim(Protocol):
    """Where letters go: what to send for them, and which of them cannot go (position → why)."""

    async def outgoing(self, letters: Sequence[Letter]) -> tuple[dict[Partition, list[Outgoing]], dict[int, str]]: ...


class Back:
    """To the partition they came from, as they were."""

    def __init__(self, facts: Mapping[str, TopicFacts]) -> None:
        self._facts = facts

    async def outgoing(self, letters: Sequence[Letter]) -> tuple[dict[Partition, list[Outgoing]], dict[int, str]]:
        """Nothing is left behind here: what can be refused was refused before."""
        found: dict[Partition, list[Outgoing]] = {}
        now = int(time.time() * 1000)
        for position, letter in enumerate(letters):
            assert letter.source is not None
            topic, number, _ = letter.source
            facts, when = self._facts[topic], letter.source_timestamp
            if number >= facts.partitions:  # the topic was made anew with fewer
                number = number % facts.partitions if letter.key is None else partition_of(letter.key, facts.partitions)
            if when < 0 or not now - facts.before_max_ms <= when <= now + facts.after_max_ms:
                when = now
            found.setdefault(Partition(topic, number), []).append(Outgoing(when, letter.key, letter.value, letter.back(), position))
        return found, {}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send back and how. `rate` in letters a second, 0 is no limit; `most` is how often one letter may go back."""

    wanted: Wanted = field(default_factory=Wanted)
    rate: float = 1000.0
    most: int = 5
    topics: Sequence[str] = ()


@dataclass(slots=True)
class Report:
    """What a redrive did, or would do."""

    execute: bool
    topic: str = ""
    looked_at: int = 0
    sent: int = 0
    already: int = 0
    other: int = 0
    left: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0
    begins: dict[int, int] = field(default_factory=dict)  # of partitions of which everything before went back

    def leave(self, letter: Letter, why: str, detail: str = "") -> None:
        """Count a letter that stays, and keep the first few."""
        self.left[why] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{letter.at}: {why}{': ' + detail if detail else ''}")

    def as_dict(self) -> dict[str, Any]:
        """As `redrive --json` prints it."""
        return {"executed": self.execute, "looked_at": self.looked_at, "sent": self.sent, "already_sent_back": self.already, "not_wanted": self.other,
                "left": dict(self.left), "targets": dict(self.targets), "reasons": dict(self.reasons), "examples": self.examples,
                "begins": {str(p): o for p, o in sorted(self.begins.items())}, "seconds": round(self.seconds, 3)}

    def __str__(self) -> str:
        verb = "sent" if self.execute else "would send"
        lines = [f"{verb} {self.sent:,} of {self.looked_at:,} dead letters in {self.seconds:.1f} s"
                 f" ({self.already:,} went back before, {self.other:,} not asked for)"]
        lines += [f"  what stands before {self.topic}:{p}:{o} went back earlier" for p, o in sorted(self.begins.items())]
        lines += [f"  to {name}: {count:,}" for name, count in sorted(self.targets.items())]
        lines += [f"  reason {name or '?'}: {count:,}" for name, count in sorted(self.reasons.items())]
        lines += [f"  left: {count:,} {why}" for why, count in sorted(self.left.items())]
        lines += [f"    {example}" for example in self.examples]
        return "\n".join(lines if self.execute else [*lines, "nothing was sent: --yes does it"])


class Redrive:
    """One pass over the dead-letter topic as it is at the start. Without a sender it is a dry run."""

    def __init__(self, topic: str, reader: Reading, aim: Aim, plan: Plan, positions: Mapping[Partition, tuple[int, str]],
                 sender: Sender | None = None, check: Reading | None = None) -> None:
        self._topic, self._reader, self._aim, self._plan, self._sender, self._check = topic, reader, aim, plan, sender, check
        self._marks = {p: Marks.read(*position) for p, position in positions.items()}
        self._open: dict[Partition, int] = {}  # the first letter that stays
        self._held: set[tuple[str, bytes]] = set()  # keys of which a letter stays: later ones must not overtake it
        self.report = Report(sender is not None, topic)

    async def run(self) -> Report:
        """Read, choose, send, verify, commit, batch after batch. Raises Refusal; what was committed until then stays done."""
        started = time.monotonic()
        whole = await self._reader.stretches([self._topic])
        stretches = {p: (max(begin, self._mark(p).base), end) for p, (begin, end) in whole.items()}
        self.report.begins = {p.partition: begin for p, (begin, _) in stretches.items() if begin > whole[p][0]}
        size = BATCH if not self._plan.rate else max(1, min(BATCH, int(self._plan.rate)))
        async for partition, records in self._reader.read(stretches):
            for start in range(0, len(records), size):
                await self._batch(partition, [Letter.of(partition, r) for r in records[start:start + size]])
                self.report.seconds = time.monotonic() - started
                if self._sender is not None and self._plan.rate:
                    await asyncio.sleep(max(0.0, self.report.sent / self._plan.rate - self.report.seconds))
        self.report.seconds = time.monotonic() - started
        return self.report

    def _mark(self, partition: Partition) -> Marks:
        return self._marks.setdefault(partition, Marks())

    async def _batch(self, partition: Partition, letters: list[Letter]) -> None:
        marks = self._mark(partition)
        chosen = [letter for letter in letters if self._choose(letter, marks)]
        records, failed = await self._aim.outgoing(chosen) if chosen else ({}, {})
        for position, why in failed.items():
            self._leave(chosen[position], "the machine fails it still" if why != "held" else "waits for an earlier one of its key", why if why != "held" else "")
        gone = [letter for position, letter in enumerate(chosen) if position not in failed]
        self._count(records, gone)
        if self._sender is None or not chosen:
            return
        marks.done.update(letter.offset for letter in gone)
        marks.rise(self._open.get(partition, letters[-1].offset + 1))
        await self._commit(partition, records, marks)

    async def _commit(self, partition: Partition, records: dict[Partition, list[Outgoing]], marks: Marks) -> None:
        assert self._sender is not None
        try:
            position = marks.write()
        except MarksFull as error:
            raise Refusal(f"{partition.topic}:{partition.partition}: cannot remember more of what was sent back: {error}; "
                          "send back what stands before it first (fewer filters, or --partition)") from error
        if records:
            offsets = await self._sender.send(records)
            await self._verify(records, offsets)
        await self._sender.commit({partition: position})

    async def _verify(self, records: Mapping[Partition, Sequence[Outgoing]], offsets: Mapping[Partition, Sequence[int]]) -> None:
        """Read what was written, and take it back if a byte differs."""
        assert self._check is not None and self._sender is not None
        missing = {(p, offset): record for p in records for offset, record in zip(offsets[p], records[p], strict=True)}
        wanted = {p: (min(each), max(each) + 1) for p, each in offsets.items() if each}
        wrong = ""
        async for partition, found in self._check.read(wanted):
            for record in found:
                sent = missing.pop((partition, record.offset), None)
                if sent is not None and (record.key, record.value, list(record.headers)) != (sent.key, sent.value, sent.headers):
                    wrong = wrong or f"{partition.topic}:{partition.partition}:{record.offset} is not what was sent"
        if wrong or missing:
            await self._sender.abort()
            raise Refusal(f"taken back: {wrong or f'{len(missing)} records are not there'}")

    def _count(self, records: Mapping[Partition, Sequence[Outgoing]], gone: Sequence[Letter]) -> None:
        self.report.sent += len(gone)
        self.report.reasons.update(letter.reason for letter in gone)
        for partition, each in records.items():
            self.report.targets[partition.topic] += len(each)

    def _choose(self, letter: Letter, marks: Marks) -> bool:
        self.report.looked_at += 1
        if letter.offset in marks:
            self.report.already += 1
            return False
        if letter not in self._plan.wanted:
            self.report.other += 1
            self._open.setdefault(Partition(letter.topic, letter.partition), letter.offset)
            return False
        if why := self._refused(letter):
            self._leave(letter, why)
            return False
        return True

    def _refused(self, letter: Letter) -> str:
        if letter.source is None:
            return "says not where it came from"
        if letter.source[0] not in self._plan.topics:
            return "came from a topic that this worker does not read"
        if letter.redrives >= self._plan.most:
            return f"went back {self._plan.most} times or more (--max-redrives)"
        if letter.key is not None and (letter.source[0], letter.key) in self._held:
            return "waits for an earlier one of its key"
        return ""

    def _leave(self, letter: Letter, why: str, detail: str = "") -> None:
        self.report.leave(letter, why, detail)
        self._open.setdefault(Partition(letter.topic, letter.partition), letter.offset)
        if letter.key is not None and letter.source is not None:
            self._held.add((letter.source[0], letter.key))
