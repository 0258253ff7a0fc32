"""A key of which a record died goes on in the dead letters, in order, whatever happens to members, transactions and brokers."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.effort import examples
from tests.simulation import books
from tests.simulation.fake_kafka import FakeConsumer
from tests.simulation.test_invariants import POINTS, play
from tests.simulation.world import DEAD, IN, OUT, World
from worker.delivery.quarantine import Held
from worker.runtime.ports import Partition


class Quarantined(World):
    """The judge knows what became of each key before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.quarantine = books.reader(self.kafka)

    def feed(self, partition: int, kind: str) -> None:
        """Two keys at a time, and new ones after a while: so that there is always one that is not in quarantine yet."""
        offset = len(self.kafka.logs[Partition(IN, partition)])
        self.kafka.put(IN, partition, f"{kind}:{partition}:{offset}".encode(), f"k{offset // 20}.{offset % 2}.{partition}".encode())

    def fates(self, partition: Partition, end: int) -> dict[bytes, str]:
        """Where each record before `end` belongs: as if they came one by one."""
        dead: set[Any] = set()
        found: dict[bytes, str] = {}
        for record in filter(lambda r: r.visible, self.kafka.logs[partition][:end]):
            value = record.value or b""
            if value.startswith(b"bad"):
                dead.add(record.key)
            found[value] = DEAD if record.key in dead or value.startswith(b"poison") else "" if value.startswith(b"drop") else OUT
        return found

    def held(self, partition: Partition) -> dict[bytes, Held]:
        """What the books must say of a partition at its end."""
        found: dict[bytes, Held] = {}
        for record in filter(lambda r: r.visible, self.kafka.logs[partition]):
            known = found.get(record.key or b"")
            if known is not None or (record.value or b"").startswith(b"bad"):
                found[record.key or b""] = Held(known.since, record.offset, known.count + 1) if known else Held(record.offset, record.offset, 1)
        return found

    def _committed(self, consumer: FakeConsumer | None, partition: Partition, offset: int) -> None:
        if self.guarantee == "at_least_once":
            super()._committed(consumer, partition, offset)
            return
        mine = b":%d:" % partition.partition
        for topic in (OUT, DEAD):
            there = [r.value or b"" for r in self.visible(topic) if mine in (r.value or b"")]
            expected = [v for v, place in self.fates(partition, offset).items() if place == topic]
            if sorted(there) != sorted(expected):
                self.broken.append(f"I3: {partition} committed at {offset}, {topic} holds {there}, not {expected}")

    def judge(self) -> None:
        """I1 to I4 and I6 with a quarantine."""
        assert not self.broken, self.broken
        assert not self.kafka.trespasses, "I2"
        outputs, dead = self._written(OUT), self._written(DEAD)
        for number in range(self.partitions):
            partition = Partition(IN, number)
            assert books.held(self.kafka, b"%d/" % number) == self.held(partition)
            for value, place in self.fates(partition, self.kafka.offsets.get(partition, 0)).items():
                assert (value in outputs, value in dead) == (place == OUT, place == DEAD), f"I6: {value!r} belongs to {place or 'nobody'}"
        for key in {r.key for r in [*outputs.values(), *dead.values()]}:
            for topic in (outputs, dead):
                firsts = [int((v or b"").split(b":")[2]) for v, r in topic.items() if r.key == key and not (v or b"").startswith(b"poison")]
                assert firsts == sorted(firsts), f"I4: {key!r} {firsts}"


@pytest.mark.parametrize("seed", range(examples(5)))
async def test_a_quarantine_holds_through_trouble_under_load(seed: int) -> None:
    """Exactly once: deaths at named points, zombies, unanswered commits, lost markers."""
    chance = random.Random(seed)
    plan: list[tuple[Any, ...]] = [("join", 1.0)]
    for _ in range(8):
        plan += [("feed", n, chance.choices(["ok", "drop", "bad", "poison"], [12, 1, 2, 0.3], k=8)) for n in (0, 1)]
        plan += [chance.choice([("crash_at", chance.choice(POINTS)), ("zombie", chance.uniform(0, 0.02)), ("commits", [chance.choice(["lost", "fail"])]),
                                ("batches", ["lost", "fail"]), ("markers", 1), ("rebalance", 1), ("down", 0.004)]), ("wait", chance.uniform(0, 0.01))]
    await asyncio.wait_for(play(plan, seed, "exactly_once", Quarantined(guarantee="exactly_once")), 15)


@pytest.mark.parametrize("seed", range(examples(3)))
async def test_a_quarantine_holds_at_least_once(seed: int) -> None:
    """Deaths, lost acknowledgements and rebalances."""
    chance = random.Random(seed)
    plan: list[tuple[Any, ...]] = [("join", 1.0)]
    for _ in range(8):
        plan += [("feed", n, chance.choices(["ok", "drop", "bad"], [12, 1, 2], k=8)) for n in (0, 1)]
        plan += [chance.choice([("crash",), ("batches", ["lost", "fail"]), ("rebalance", 1), ("down", 0.004), ("commit", "unavailable")]),
                 ("wait", chance.uniform(0, 0.01))]
    await asyncio.wait_for(play(plan, seed, "at_least_once", Quarantined()), 15)
