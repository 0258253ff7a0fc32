"""Deletes the head of partitions: DeleteRecords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from worker.kafka.saying import said
from worker.runtime.ports import Partition, Unavailable


async def delete_before(connection: Mapping[str, Any], offsets: Mapping[Partition, int]) -> dict[Partition, int]:
    """Delete every record before these offsets; the first offset that each partition has afterwards."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        done = await admin.delete_records({TopicPartition(*p): RecordsToDelete(o) for p, o in offsets.items()}, timeout_ms=30_000)
        return {Partition(*p): low for p, low in done.items()}
    except (errors.KafkaError, OSError) as error:
        raise Unavailable(said(error)) from error
    finally:
        await admin.close()
