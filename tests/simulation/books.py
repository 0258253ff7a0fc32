"""The quarantine's books on the fake Kafka, read as a lane reads them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.simulation.fake_kafka import FakeKafka
from tests.simulation.world import DEAD
from worker.delivery.quarantine import Held, Quarantine
from worker.runtime.ports import Partition

BOOKS = Partition(f"{DEAD}.quarantine", 0)


def reader(kafka: FakeKafka, most: int = 100) -> Callable[[Partition], Awaitable[Quarantine]]:
    """What a member asks for a partition's quarantine."""
    kafka.logs[BOOKS]

    async def read(partition: Partition) -> Quarantine:
        prefix = b"%d/" % partition.partition
        return Quarantine(BOOKS.topic, 0, prefix, held(kafka, prefix), most)

    return read


def held(kafka: FakeKafka, prefix: bytes = b"0/") -> dict[bytes, Held]:
    """The keys that are in quarantine, by what is committed."""
    keys: dict[bytes, Held] = {}
    for record in kafka.logs[BOOKS]:
        if record.visible and record.key is not None and record.key.startswith(prefix):
            keys.pop(record.key[len(prefix):], None)
            if record.value is not None:
                keys[record.key[len(prefix):]] = Held.of(record.value)
    return keys
