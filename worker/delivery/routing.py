"""From what a machine says to records on their way: topic, partition, key, headers, timestamp, and all that can be refused before it is sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from murmurhash2 import murmurhash2

from fsm_core.engine.batch import SOURCE, BatchResult, Failure
from worker.delivery.dead_letters import OVERHEAD, DeadLetters, size_of
from worker.delivery.quarantine import Quarantine, Ruling
from worker.runtime.ports import Outgoing, TopicFacts

_KAFKA_SEED = 0x9747B28C
_NO_HEADERS: list[tuple[str, bytes | None]] = []  # shared by all records without headers, never changed

Target = tuple[str, int]


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's own partitioner."""
    return int(murmurhash2(key, _KAFKA_SEED) & 0x7FFFFFFF) % partitions


@dataclass(slots=True)
class Part:
    """A slice of a lane's records and everything that they led to; kept until all of it is acknowledged.

    `outcomes` counts input records by outcome, `next_offset` is what may be committed once this part is done.
    """

    topic: str
    partition: int
    records: list[Any]
    size: int
    taken_at: float
    groups: dict[Target, list[Outgoing]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    left: int = -1  # batches not yet acknowledged; -1: not queued yet
    delivered: set[Target] = field(default_factory=set)
    failures: list[tuple[int, Failure]] = field(default_factory=list)  # of the machine and of the checks before sending, in order
    ruling: Ruling | None = None  # of the quarantine
    replaced: int = 0  # timestamps that the topic would refuse or expire
    router: Router | None = None  # of the machine that judged it: it makes the dead letters to come, too
    condemned: set[int] = field(default_factory=set)  # inputs of which the broker refused something

    @property
    def next_offset(self) -> int:
        """The offset after this part's last record."""
        return int(self.records[-1].offset) + 1

    def condemn(self, culprits: Mapping[int, Failure], router: Router) -> None:
        """Inputs of which the broker refused something become dead letters, one each."""
        for position in culprits:
            self.condemned.add(position)
            self.outcomes["output" if self.records[position].value is not None else "tombstone"] -= 1
        (self.router or router).failed(self, sorted(culprits.items()))


class Family:
    """Tells the children of one input apart: those that leave, numbered in their order."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._counts = Counter(row[0] for row in rows)
        self._next: Counter[int] = Counter()

    def header(self, position: int) -> list[tuple[str, bytes | None]]:
        """`fsm.source.child`, if the input has several."""
        count, index = self._counts[position], self._next[position]
        if count == 1:
            return []
        self._next[position] += 1
        return [("fsm.source.child", b"%d/%d" % (index, count))]


class Router:
    """Immutable for a machine's life; a reload makes a new one."""

    def __init__(self, config: Any, facts: Mapping[str, TopicFacts], dead: DeadLetters) -> None:
        self.config, self.facts, self.dead = config, facts, dead
        self.topics: dict[str | None, str | None] = {None: config.output.topic}
        self.topics.update({name: route.topic for name, route in config.output.routes.items()})
        self.copies: dict[str | None, bool] = {None: config.output.headers == "copy"}
        self.copies.update({name: route.headers == "copy" for name, route in config.output.routes.items()})
        self.source_time = config.output.timestamp == "source"
        self.provenance = config.output.provenance

    def outgoing(self, part: Part, positions: Sequence[int] | None, tombstones: Sequence[int], result: BatchResult, quarantine: Quarantine | None = None) -> None:
        """Fill the part's groups, in order, from the machine's result.

        `positions` maps the batch to the part (None: the same); `tombstones` are the part's records without a value. Records in
        neither are held by the quarantine.
        """
        part.router = self
        rows: Sequence[tuple[Any, ...]] = result.rows
        failures = [(p if positions is None else positions[p], f) for p, f in result.failures]
        if positions is not None:
            rows = sorted([(positions[r[0]], *r[1:]) for r in rows] + self._tombstones(part, tombstones, failures), key=lambda r: r[0])
        known = len(failures)
        self._rows(part, rows, failures)
        if tombstones and self.config.input.tombstones == "pass":
            empty = set(tombstones)
            passed = len(tombstones) - sum(p in empty for p, _ in failures[known:])
            part.outcomes["tombstone"] += passed
            part.outcomes["output"] -= passed
        part.outcomes["drop"] += result.dropped
        part.failures = sorted(failures, key=lambda f: f[0])
        if quarantine is not None:
            self._quarantine(part, rows, tombstones, quarantine)
        self.failed(part, part.failures)

    def _quarantine(self, part: Part, rows: Sequence[tuple[Any, ...]], tombstones: Sequence[int], quarantine: Quarantine) -> None:
        """Hold back what follows a dead record of its key, and put the books' changes beside it."""
        part.ruling = quarantine.rule(part.records, {p for p, _ in part.failures})
        if part.ruling.held:
            held = set(part.ruling.held)
            self._without(part, rows, held, tombstones)
            why = Failure("quarantined", message="a record of its key died before it")
            part.failures = sorted([*(f for f in part.failures if f[0] not in held), *((p, why) for p in part.ruling.held)], key=lambda f: f[0])
        if part.ruling.changes:
            target = (quarantine.topic, quarantine.place)
            part.groups[target] = quarantine.entries(part.ruling, int(time.time() * 1000))

    def _without(self, part: Part, rows: Sequence[tuple[Any, ...]], held: set[int], tombstones: Sequence[int]) -> None:
        """The part again without the held positions; what was refused once is not asked again."""
        gone = held | {p for p, _ in part.failures}
        left = [row for row in rows if row[0] not in gone]
        part.groups.clear()
        part.replaced = 0
        self._rows(part, left, [])
        passed = {row[0] for row in left}
        empty = len(passed.intersection(tombstones))
        part.outcomes = Counter({"output": len(passed) - empty, "tombstone": empty, "drop": len(part.records) - len(passed) - len(gone)})

    def _tombstones(self, part: Part, positions: Sequence[int], failures: list[tuple[int, Failure]]) -> list[tuple[Any, ...]]:
        """Records without a value: passed (as rows), dropped or failed, as `input.tombstones` says."""
        policy = self.config.input.tombstones
        if policy == "pass":
            return [(p, None, None, SOURCE, None, None) for p in positions]
        if policy == "drop":
            part.outcomes["drop"] += len(positions)
            return []
        why = Failure("malformed", error="Tombstone", message="the record has no value (input.tombstones: fail)")
        failures.extend((p, why) for p in positions)
        return []

    def _rows(self, part: Part, rows: Sequence[tuple[Any, ...]], failures: list[tuple[int, Failure]]) -> None:
        """The hot loop: one pass over the rows, a plain tuple each."""
        records, groups, hash_, topics = part.records, part.groups, murmurhash2, self.topics
        now = int(time.time() * 1000)
        loose = part.partition  # without a key: by source partition, as dead letters, so that its order is kept
        known = len(failures)
        family = Family(rows) if self.provenance else None
        route_before: object = self
        for place, route, value, key, headers, timestamp in rows:
            record = records[place]
            if key is SOURCE:
                key = record.key
            if route is not route_before:
                route_before = route
                topic = cast(str, topics[route])
                facts = self.facts[topic]
                count, low, high, limit = facts.partitions, now - facts.before_max_ms, now + facts.after_max_ms, facts.max_message_bytes // 2
                compacted, source_time, copies = facts.compacted, self.source_time, self.copies[route]
            source = record.headers
            out = self._headers(part, record, headers, copies) if (headers or source or self.provenance) else _NO_HEADERS
            if family:
                out += family.header(place)
            when = timestamp if timestamp is not None else record.timestamp if source_time else now
            if not low <= when <= high or when < 0:
                when = now
                part.replaced += 1
            if (value is not None and len(value) > limit) or (compacted if key is None else len(key) > limit - OVERHEAD) or out:
                refusal = self._refusal(facts, key, value, out)
                if refusal:
                    failures.append((place, refusal))
                    continue
            target = (topic, (loose if key is None else hash_(key, _KAFKA_SEED) & 0x7FFFFFFF) % count)
            # a copy of its own size: orjson's results keep the 4 KiB they were written in for as long as they live
            item = (when, key, value if value is None else b"%b" % value, out, place, None)
            if target in groups:
                groups[target].append(item)  # type: ignore[arg-type]
            else:
                groups[target] = [item]  # type: ignore[list-item]
        refused = {place for place, _ in failures[known:]}
        part.outcomes["output"] += len({row[0] for row in rows}) - len(refused)
        if refused:
            self._withdraw(part, refused)
            failures[known:] = dict(reversed(failures[known:])).items()  # the first of each

    @staticmethod
    def _withdraw(part: Part, refused: set[int]) -> None:
        """The children of a fan-out go together or not at all."""
        for target, items in list(part.groups.items()):
            left = [item for item in items if item[4] not in refused]
            if left:
                part.groups[target] = left
            else:
                del part.groups[target]

    def _headers(self, part: Part, record: Any, stated: list[tuple[str, bytes]] | None, copies: bool) -> list[tuple[str, bytes | None]]:
        own = {name for name, _ in stated or ()}
        out: list[tuple[str, bytes | None]] = []
        if copies:
            out += [(n, v) for n, v in record.headers if not n.startswith("fsm.") and n not in own]
        out += stated or ()
        if self.provenance:
            out += [("fsm.source.topic", part.topic.encode()), ("fsm.source.partition", str(part.partition).encode()),
                    ("fsm.source.offset", str(record.offset).encode()), ("fsm.source.timestamp", str(record.timestamp).encode()),
                    ("fsm.machine.digest", self.dead.digest.encode())]
        return out

    @staticmethod
    def _refusal(facts: TopicFacts, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> Failure | None:
        """Why the broker would refuse the record, if it would."""
        if key is None and facts.compacted:
            return Failure("undeliverable", error="NullKey", message=f"topic {facts.name} is compacted and takes no record without a key")
        if size_of(key, value, headers) > facts.max_message_bytes:
            return Failure("too_large", error="RecordTooLarge",
                           message=f"{size_of(key, value, headers) - OVERHEAD} bytes; topic {facts.name} takes {facts.max_message_bytes}")
        return None

    def failed(self, part: Part, failures: Sequence[tuple[int, Failure]]) -> None:
        """Make dead letters."""
        for position, failure in failures:
            part.outcomes["error" if failure.reason == "rejected" else "failed"] += 1
            item = self.dead.make(part.records[position], part.topic, part.partition, position, failure)
            part.replaced += item.timestamp != part.records[position].timestamp
            part.groups.setdefault(self.dead_target(part, item), []).append(item)

    def dead_target(self, part: Part, item: Outgoing) -> Target:
        """Where a dead letter goes: by key as any record, without one by its source partition, so that order is kept."""
        count = self.dead.facts.partitions
        return self.dead.facts.name, part.partition % count if item.key is None else partition_of(item.key, count)
