"""Reads a lane's quarantine back from its compacted topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.delivery.quarantine import Held, Quarantine, prefix_of
from worker.kafka.topic_reader import TopicReader
from worker.runtime.ports import Partition, TopicFacts


async def read_quarantine(connection: Mapping[str, Any], facts: TopicFacts, group: str, partition: Partition) -> Quarantine:
    """Everything that is decided, up to the very end: transactions of others that are open there are waited for."""
    prefix, place = prefix_of(group, *partition), partition.partition % facts.partitions
    where = Partition(facts.name, place)
    async with TopicReader(connection, "read_uncommitted") as reader:
        stretch = (await reader.stretches([facts.name]))[where]
    keys: dict[bytes, Held] = {}
    async with TopicReader(connection) as reader:
        async for _, records in reader.read({where: stretch}):
            for record in records:
                if record.key is None or not record.key.startswith(prefix):
                    continue
                if record.value is None:
                    keys.pop(record.key[len(prefix):], None)
                else:
                    keys[record.key[len(prefix):]] = Held.of(record.value)
    return Quarantine(facts.name, place, prefix, keys)
