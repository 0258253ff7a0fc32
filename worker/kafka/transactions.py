"""A transactional aiokafka producer's life: begin, send, offsets, commit; after any exception it is dropped, never aborted.

The client's own abort sends nothing after an error, and its next commit would then publish what was to be aborted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, OffsetAndMetadata, TopicPartition, errors

from worker.kafka.producer import KafkaProducer, sort_error
from worker.kafka.saying import said
from worker.runtime.ports import Partition, Unavailable

log = structlog.get_logger(__name__)
_START_SECONDS = 30.0
_DROP_SECONDS = 2.0


@contextlib.asynccontextmanager
async def _sorted() -> AsyncIterator[None]:
    """The client raises what it pleases: fenced, illegal, assertions, "unexpected"."""
    try:
        yield
    except Exception as error:
        raise sort_error(error) from error


class KafkaTransactions(KafkaProducer):
    """See `worker.runtime.ports.Transactional`. Make one with `start_transactional`."""

    def __init__(self, client: AIOKafkaProducer, group: str) -> None:
        super().__init__(client)
        self._group = group
        self._state = client._txn_manager

    async def begin(self) -> None:
        """Begin a transaction."""
        async with _sorted():
            await self._client.begin_transaction()
            self._state._transaction_waiter.add_done_callback(look_at)

    async def add_offsets(self, offsets: Mapping[Partition, int]) -> None:
        """The offsets become a part of the transaction."""
        async with _sorted():
            await self._client.send_offsets_to_transaction({TopicPartition(*p): OffsetAndMetadata(o, "") for p, o in offsets.items()}, self._group)

    async def commit(self) -> None:
        """All or nothing."""
        async with _sorted():
            await self._client.commit_transaction()

    async def repair(self, targets: Collection[Partition], offsets: Mapping[Partition, int]) -> None:
        """See the port. The client adds partitions to a transaction before it adds offsets."""
        await self.begin()
        async with _sorted():
            for target in targets:
                self._state.maybe_add_partition_to_txn(TopicPartition(*target))
        await self.add_offsets(offsets)
        async with _sorted():
            await self._client.abort_transaction()

    async def drop(self) -> None:
        """Cut the connection; the sender is cancelled twice, as the first time it waits for what it has under way."""
        self._closed = self._client._closed = True
        task = self._client._sender._sender_task
        await self._client.client.close()
        for _ in range(2):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=_DROP_SECONDS)
        self._fail_all(errors.ProducerClosed())
        look_at(self._state._transaction_waiter)


def look_at(future: Any) -> None:
    """An error that nobody is left to ask for is no complaint of the event loop's."""
    if future is not None and future.done() and not future.cancelled():
        future.exception()


async def start_transactional(options: Mapping[str, Any], group: str) -> KafkaTransactions:
    """A started producer that has shut out the earlier ones of its id; raises Unavailable when that does not succeed in time."""
    client = AIOKafkaProducer(**options)
    try:
        await asyncio.wait_for(client.start(), _START_SECONDS)
    except (errors.KafkaError, OSError, TimeoutError) as error:
        client._closed = True
        await client.client.close()
        raise Unavailable(said(error)) from error
    except asyncio.CancelledError:
        client._closed = True
        await client.client.close()
        raise
    state = client._txn_manager
    state._transaction_waiter = asyncio.get_running_loop().create_future()  # a sender that dies before the first transaction looks for it
    client._sender._sender_task.add_done_callback(lambda _task: look_at(state._transaction_waiter))
    return KafkaTransactions(client, group)
