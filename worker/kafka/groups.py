"""What a group committed, asked from outside of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from worker.kafka.offsets import committed_with_metadata
from worker.kafka.saying import said
from worker.runtime.ports import Partition, Unavailable


async def committed_by(connection: Mapping[str, Any], group: str, partitions: Collection[Partition]) -> dict[Partition, int | None]:
    """The group's certain offsets; the asker does not join it. Raises Unavailable when no broker answers."""
    found = await notes_by(connection, group, partitions)
    return {p: (offset if offset >= 0 else None) for p, (offset, _) in found.items()}


async def notes_by(connection: Mapping[str, Any], group: str, partitions: Collection[Partition],
                   patience: float | None = None) -> dict[Partition, tuple[int, str]]:
    """The same with what was committed beside the offset, -1 for none; Unsettled when a transaction holds one for so many seconds."""
    client = AIOKafkaConsumer(**connection, group_id=group, enable_auto_commit=False, auto_offset_reset="none")
    try:
        await client.start()
        return await committed_with_metadata(client._coordinator, partitions, patience)
    except (KafkaError, OSError) as error:
        raise Unavailable(said(error)) from error
    finally:
        await client.stop()
