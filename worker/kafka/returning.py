"""Sends records and moves a group's offsets in one transaction: for a tool that takes records from one topic to another once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from worker.kafka.offsets import committed_with_metadata
from worker.kafka.producer import fail_all
from worker.kafka.saying import said
from worker.kafka.transactions import look_at
from worker.runtime.ports import EpochOver, Outgoing, Partition, Unavailable

_SECONDS = 60.0


def _told(error: Exception) -> Exception:
    return EpochOver(said(error)) if isinstance(error, ProducerFenced) else Unavailable(said(error))


class Returning:
    """Use it as `async with`: entering shuts out another one of the same group, and ends what it left open.

    Shut out itself it raises EpochOver. After an exception nothing of the open transaction is visible to who reads what is committed; the object is of no more use then.
    """

    def __init__(self, options: Mapping[str, Any], connection: Mapping[str, Any], group: str) -> None:
        self.group = group
        self._producer = AIOKafkaProducer(**{**options, "transactional_id": group, "acks": "all", "enable_idempotence": True})
        self._consumer = AIOKafkaConsumer(**connection, group_id=group, enable_auto_commit=False, auto_offset_reset="none")
        queues = self._producer._message_accumulator
        queues.fail_all = partial(fail_all, queues)
        self._open = False

    async def __aenter__(self) -> Returning:
        try:
            await self._producer.start()
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self.__aexit__(None, None, None)
            raise Unavailable(said(error)) from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in (self._consumer, self._producer):
            try:
                await asyncio.wait_for(client.stop(), 5)
            except (TimeoutError, KafkaError, OSError):
                continue  # its connection ends with the process; the transaction is aborted by its timeout or the next start

    async def positions(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, str]]:
        """What the group committed, and what it wrote beside it; -1 is none."""
        return await committed_with_metadata(self._consumer._coordinator, partitions)

    async def _begin(self) -> None:
        await self._producer.begin_transaction()
        self._producer._txn_manager._transaction_waiter.add_done_callback(look_at)

    async def send(self, records: Mapping[Partition, Sequence[Outgoing]]) -> dict[Partition, list[int]]:
        """Send in a transaction that stays open; the offset that each record got. Raises Unavailable when one was not taken."""
        try:
            await self._begin()
            self._open = True
            waiting = [(p, await self._producer.send(p.topic, partition=p.partition, timestamp_ms=r[0], key=r[1], value=r[2], headers=r[3]))
                       for p, each in records.items() for r in each]
            for _, future in waiting:
                future.add_done_callback(look_at)  # after the first error nobody asks for the others
            await asyncio.wait_for(self._producer.flush(), _SECONDS)
            got: dict[Partition, list[int]] = {p: [] for p in records}
            for partition, future in waiting:
                got[partition].append((await future).offset)
            return got
        except (KafkaError, OSError, AssertionError, TimeoutError) as error:
            raise _told(error) from error

    async def commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> None:
        """Make it all visible: the records and the group's offsets with what is to be written beside them."""
        try:
            if not self._open:
                await self._begin()
            told = {TopicPartition(*p): OffsetAndMetadata(offset, text) for p, (offset, text) in offsets.items()}
            await asyncio.wait_for(self._producer.send_offsets_to_transaction(told, self.group), _SECONDS)
            await asyncio.wait_for(self._producer.commit_transaction(), _SECONDS)
            self._open = False
        except (KafkaError, OSError, AssertionError, TimeoutError) as error:
            raise _told(error) from error

    async def publish(self, records: Mapping[Partition, Sequence[Outgoing]]) -> None:
        """Send, and make it visible; no offset moves."""
        await self.send(records)
        try:
            await asyncio.wait_for(self._producer.commit_transaction(), _SECONDS)
            self._open = False
        except (KafkaError, OSError, AssertionError, TimeoutError) as error:
            raise _told(error) from error

    async def abort(self) -> None:
        """Take back what was sent."""
        if self._open:
            await asyncio.wait_for(self._producer.abort_transaction(), _SECONDS)
            self._open = False
