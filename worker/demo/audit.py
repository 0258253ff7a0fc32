"""The demo's audit: read the topics themselves, with a consumer of its own, and hold every id against the feeder's ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from worker.demo import topics
from worker.demo.feeder import Fate, Ledger


@dataclass(frozen=True, slots=True)
class Audit:
    """fed = produced + dead-lettered + dropped, and what does not fit. `wrong`: ids with another fate than the machine says."""

    fed: int
    produced: int
    dead_lettered: int
    dropped: int
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    duplicates: int = 0

    @property
    def good(self) -> bool:
        """Nothing lost, nothing misplaced, nothing that was never fed. Duplicates are allowed: at least once."""
        whole = self.fed == self.produced + self.dead_lettered + self.dropped
        return whole and not (self.lost or self.wrong or self.unknown)

    def as_dict(self) -> dict[str, object]:
        """As `demo --json` prints it."""
        return {"event": "audit", "ok": self.good, "fed": self.fed, "produced": self.produced, "dead_lettered": self.dead_lettered,
                "dropped": self.dropped, "lost": len(self.lost), "wrong": len(self.wrong), "unknown": len(self.unknown),
                "duplicates": self.duplicates, "examples": [*self.lost[:5], *self.wrong[:5], *self.unknown[:5]]}

    def __str__(self) -> str:
        text = (f"audit: fed {self.fed:,} = produced {self.produced:,} + dead-lettered {self.dead_lettered:,} "
                f"+ dropped {self.dropped:,}, lost {len(self.lost)}, duplicates {self.duplicates}")
        if self.good:
            return f"{text}: every id accounted for"
        trouble = [f"{name} {ids[:5]}" for name, ids in (("lost", self.lost), ("wrong fate", self.wrong), ("never fed", self.unknown)) if ids]
        return f"{text}: BAD ({'; '.join(trouble) or 'the sum does not hold'})"


def judge(ledger: Ledger, outputs: Iterable[bytes], dead: Iterable[bytes]) -> Audit:
    """Hold the ids found in the output topics and in the dead letters against what was fed, one by one."""
    out, dlq = Counter(outputs), Counter(dead)
    lost, wrong, seen = [], [], Counter[Fate]()
    for key, fate in ledger.fates.items():
        found = {f for f, ids in ((Fate.PRODUCED, out), (Fate.DEAD_LETTERED, dlq)) if key in ids} or {Fate.DROPPED}
        if found == {fate}:
            seen[fate] += 1
        elif found == {Fate.DROPPED}:
            lost.append(key.decode())
        else:
            wrong.append(key.decode())
    unknown = [key.decode(errors="replace") for key in {*out, *dlq} - ledger.fates.keys()]
    duplicates = sum(n - 1 for ids in (out, dlq) for n in ids.values())
    return Audit(len(ledger.fates), seen[Fate.PRODUCED], seen[Fate.DEAD_LETTERED], seen[Fate.DROPPED], lost, wrong, unknown, duplicates)


async def read_keys(bootstrap: str, *names: str) -> list[bytes]:
    """Every key of the topics, from their first offset to the end as it is now; a record without a key counts as `b""`."""
    consumer = topics.reader(bootstrap)
    await consumer.start()
    try:
        assigned = topics.partitions(*names)
        consumer.assign(assigned)
        ends = await consumer.end_offsets(assigned)
        keys: list[bytes] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                keys.extend(record.key or b"" for record in records)
        return keys
    finally:
        await consumer.stop()


async def audit(bootstrap: str, ledger: Ledger) -> Audit:
    """Read the outputs and the dead letters, and judge them."""
    return judge(ledger, await read_keys(bootstrap, *topics.OUTPUTS), await read_keys(bootstrap, topics.DEAD_LETTERS))
