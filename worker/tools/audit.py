"""Proves from the topics themselves that every input offset of a range has exactly one outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fsm_core.definition import Finding
from worker.config.errors import CONFLICT, ConfigError
from worker.config.load import LoadedConfig
from worker.kafka.groups import committed_by
from worker.kafka.settings import connection
from worker.kafka.topic_reader import TopicReader
from worker.runtime.ports import Partition
from worker.tools import walking
from worker.tools.accounts import Accounts, Findings
from worker.tools.purity import clocked, impure
from worker.tools.redrive import Refusal
from worker.tools.sessions import Site, visit

Ranges = dict[Partition, tuple[int, int]]


@dataclass(slots=True)
class Verdict:
    """What an audit found over its ranges."""

    ranges: Ranges
    findings: Findings
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing lost, doubled or out of order."""
        return not self.findings.bad

    def as_dict(self) -> dict[str, Any]:
        """As `audit --json` prints it."""
        f = self.findings
        return {"ok": self.good, "inputs": f.inputs, "outputs": f.outputs, "dead_letters": f.dead_letters, "drops": f.drops, "redriven": f.redriven,
                "lost": f.bad["lost"], "doubled": f.bad["doubled"], "out_of_order": f.bad["out of order"], "unaccounted": f.unaccounted.total(),
                "why_unaccounted": dict(f.unaccounted), "strangers": f.strangers, "examples": f.examples, "notes": self.notes, "seconds": round(self.seconds, 3),
                "ranges": [{"topic": p.topic, "partition": p.partition, "from": b, "to": e} for p, (b, e) in sorted(self.ranges.items())]}

    def __str__(self) -> str:
        d = self.as_dict()
        lines = [f"{'ok' if self.good else 'BAD'}: {d['inputs']:,} inputs: lost {d['lost']:,}, doubled {d['doubled']:,}, out of order {d['out_of_order']:,},"
                 f" unaccounted {d['unaccounted']:,}; {d['outputs']:,} outputs, {d['dead_letters']:,} dead letters, {d['drops']:,} dropped in {self.seconds:.1f} s"]
        lines += [f"  {r['topic']}:{r['partition']} from {r['from']} to {r['to']}" for r in d["ranges"]]
        return "\n".join([*lines, *(f"  {e}" for e in [*self.findings.examples, *self.notes])])


def bounded(stretches: Ranges, texts: Sequence[str], side: int) -> Ranges:
    """Apply `[[TOPIC:]PARTITION:]OFFSET` to the firsts (side 0) or the ends (1). Raises Refusal for a partition that is not there."""
    found = dict(stretches)
    for text in texts:
        *where, offset = text.rsplit(":", 2)
        chosen = [p for p in found if (not where or p.partition == int(where[-1])) and (len(where) < 2 or p.topic == where[0])]
        if not chosen:
            raise Refusal(f"{text}: no such partition among the inputs")
        for partition in chosen:
            begin, end = found[partition]
            found[partition] = (max(begin, int(offset)), end) if side == 0 else (begin, min(end, int(offset)))
    return {p: (begin, max(begin, end)) for p, (begin, end) in found.items()}


async def audit(loaded: LoadedConfig, since: Sequence[str] = (), until: Sequence[str] = ()) -> Verdict:
    """Read outputs and dead letters, then the inputs that have none. By default up to what the group committed."""
    started = time.monotonic()
    site = await visit(loaded)
    if not site.config.output.provenance:
        raise ConfigError([Finding(CONFLICT, "error", "output.provenance is false: outputs do not say which input they came from",
                                   hint="set it to true; only what is written from then on can be audited")])
    async with site.reader(site.config.input.isolation) as reader:
        ranges = await reader.stretches(site.config.input.topics)
        if not until:
            committed = await committed_by(connection(site.config), site.group, list(ranges))
            ranges = {p: (b, max(b, min(e, committed[p] or b))) for p, (b, e) in ranges.items()}
        ranges = bounded(bounded(ranges, until, 1), since, 0)
        inspection = Inspection(site, Accounts(ranges))
        await inspection.outcomes()
        await inspection.inputs(reader)
    return Verdict(ranges, inspection.accounts.findings, time.monotonic() - started, inspection.notes)


class Inspection:
    """One audit under way: first the outcomes, then the inputs without one."""

    def __init__(self, site: Site, accounts: Accounts) -> None:
        self.site, self.accounts = site, accounts
        self.notes: list[str] = []
        self._trimmed: dict[str, list[Partition]] = {}
        self._active = site.active
        self._impure = impure(site.machine)
        self._clocked = clocked(site.machine.definition)

    async def outcomes(self) -> None:
        """Every output topic, then the dead letters."""
        dead = self.site.config.dead_letter.topic
        async with self.site.reader() as reader:
            for topics in (self.site.outputs, [dead]):
                stretches = await reader.stretches(topics)
                for partition, (begin, _) in stretches.items():
                    if begin:
                        self._trimmed.setdefault(partition.topic, []).append(partition)
                async for partition, records in reader.read(stretches):
                    for record in records:
                        self._outcome(partition, record, partition.topic == dead)
        if self._trimmed:
            self.notes.append(f"the heads of {', '.join(sorted(self._trimmed))} were deleted: what stood there cannot be told")

    def _outcome(self, at: Partition, record: Any, dead: bool) -> None:
        told = {n: v for n, v in record.headers if v is not None and n.startswith("fsm.")}
        try:
            source = Partition(told["fsm.source.topic"].decode(), int(told["fsm.source.partition"]))
            offset, digest = int(told["fsm.source.offset"]), told.get("fsm.machine.digest", b"").decode("utf-8", "replace")
        except (KeyError, ValueError):
            self.accounts.findings.strangers += 1
            return
        if dead:
            self.accounts.dead_letter(at, record.offset, source, offset, digest, record.key)
        else:
            self.accounts.output(at, record.offset, source, offset, digest, _child(told.get("fsm.source.child")), "fsm.redrives" in told)

    async def inputs(self, reader: TopicReader) -> None:
        """Walk what has no outcome through today's machine; offsets without a record are none."""
        findings, wanted = self.accounts.findings, {}
        for partition, books in self.accounts.books.items():
            findings.inputs += sum(byte.bit_count() for byte in books.seen)
            first = last = -1
            for begin, end in books.missing():
                first, last = begin if first < 0 else first, end
            if first >= 0:
                wanted[partition] = (first, last)
        async for partition, records in reader.read(wanted):
            books = self.accounts.books[partition]
            left = [r for r in records if not books.has(r.offset)]
            for start in range(0, len(left), 1000):
                await self._judge(partition, left[start:start + 1000])

    async def _judge(self, partition: Partition, records: Sequence[Any]) -> None:
        findings, books = self.accounts.findings, self.accounts.books[partition]
        findings.inputs += len(records)
        kept = await self._kept(partition, [r for r in records if not (r.value is not None and self._impure)])
        for record in records:
            where = f"{partition.topic}:{partition.partition}:{record.offset}"
            if record.offset in books.back:
                continue
            if record.offset in books.families:
                bits, count = books.families[record.offset]
                findings.wrong("lost", f"{where}: {count - bits.bit_count()} of its {count} children")
            elif record.value is not None and (why := self._unsure(partition, record)):
                findings.unknown(why, where)
            elif record.offset not in kept:
                findings.drops += 1
            elif any(self.accounts.deleted(self._trimmed.get(topic, ()), partition, record.offset) for topic in kept[record.offset]):
                findings.unknown("its outcome may have been deleted", where)
            else:
                findings.wrong("lost", f"{where}: the machine sends it to {', '.join(sorted(kept[record.offset]))}")

    async def _kept(self, partition: Partition, records: Sequence[Any]) -> dict[int, set[str]]:
        """Where today's machine sends each of them, if anywhere. An impure one is not asked: it says nothing of then, and its functions may do things."""
        kept: dict[int, set[str]] = {}
        part = await walking.route(self._active, partition, records, time.time())
        for (topic, _), group in part.groups.items():
            for row in group:
                kept.setdefault(records[row[4]].offset, set()).add(topic)
        return kept

    def _unsure(self, partition: Partition, record: Any) -> str:
        if self._impure:
            return self._impure
        others = self.accounts.books[partition].near(record.offset) - {self.site.machine.digest}
        if others:
            return f"its neighbours went through another machine ({sorted(others)[0][:12]})"
        asked = sorted(self._clocked & walking.states(self.site.machine, partition, record, self.site.config.input.format == "text", time.time())) if self._clocked else []
        return f"no outcome is marked as its, and what {asked[0]} makes of it depends on the time" if asked else ""


def _child(told: bytes | None) -> tuple[int, int] | None:
    index, _, count = (told or b"").partition(b"/")
    return (int(index), int(count)) if index.isdigit() and count.isdigit() else None
