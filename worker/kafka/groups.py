"""What a group committed, asked from outside of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from worker.kafka.offsets import committed_stable
from worker.runtime.ports import Partition, Unavailable


async def committed_by(connection: Mapping[str, Any], group: str, partitions: Collection[Partition]) -> dict[Partition, int | None]:
    """The group's certain offsets; the asker does not join it. Raises Unavailable when no broker answers."""
    client = AIOKafkaConsumer(**connection, group_id=group, enable_auto_commit=False, auto_offset_reset="none")
    try:
        await client.start()
        return await committed_stable(client._coordinator, partitions)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    finally:
        await client.stop()
