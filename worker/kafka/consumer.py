"""The group member's reading side on aiokafka: light records, our own start positions, errors in our own words."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import aiokafka.consumer.fetcher as aiokafka_fetcher
import structlog
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition, errors
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.conn import CloseReason
from aiokafka.protocol.group import HeartbeatRequest

from worker.kafka.lenient import read_leniently
from worker.kafka.offsets import committed_stable
from worker.kafka.saying import said
from worker.runtime.ports import EpochOver, OffsetOutOfRange, Partition, RebalanceListener, Unavailable

log = structlog.get_logger(__name__)
_EPOCH_OVER = (errors.CommitFailedError, errors.UnknownMemberIdError, errors.IllegalGenerationError, errors.IllegalStateError)
_STOP_SECONDS = 3.0
_LENIENT_SECONDS = 60.0


def use_light_records() -> None:
    """Let the fetcher hand out the decoder's own record (offset, timestamp, key, value, headers): 0.6 µs a record less."""
    aiokafka_fetcher.PartitionRecords._consumer_record = _light
    aiokafka_fetcher.PartitionRecords.__iter__ = _straight


def _light(_self: Any, _partition: Any, record: Any) -> Any:
    return record


def _straight(records: Any) -> Any:
    """Iterate the decoding generator itself, not through a Python-level `__next__` for each record."""
    return iter(()) if records._records_iterator is None else records._records_iterator


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Pauses what was assigned before anything is awaited: records are handed out while this still runs."""

    def __init__(self, client: AIOKafkaConsumer, ours: RebalanceListener) -> None:
        self._client, self._ours = client, ours

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._client.pause(*assigned)
        self._ours.assigned([Partition(*p) for p in assigned])

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._ours.revoked([Partition(*p) for p in revoked])


class KafkaConsumer:
    """See `worker.runtime.ports.Consumer`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        use_light_records()
        self._options = dict(options)
        self._make: Callable[[], AIOKafkaConsumer] = lambda: AIOKafkaConsumer(**self._options)
        self._client: AIOKafkaConsumer | None = None
        self._strict_again: asyncio.TimerHandle | None = None
        self._session = self._options.get("session_timeout_ms", 10_000) / 1000
        self.heard = 0.0

    @property
    def client(self) -> AIOKafkaConsumer:
        """The started client."""
        assert self._client is not None, "the consumer is not started"
        return self._client

    async def start(self, topics: Sequence[str], listener: RebalanceListener) -> None:
        """Connect and subscribe; raises Unavailable when no broker answers."""
        client = self._make()
        self._client = client
        client.subscribe(list(topics), listener=_Listener(client, listener))
        try:
            await client.start()
        except (errors.KafkaError, OSError) as error:
            await self.stop()
            if isinstance(error, errors.KafkaError) and not error.retriable and not isinstance(error, errors.KafkaConnectionError | errors.KafkaTimeoutError):
                raise
            raise Unavailable(said(error)) from error
        self._listen(client._coordinator)

    def _listen(self, coordinator: Any) -> None:
        """Note when the coordinator answers: heartbeats go to it every second, with records or without.

        One that waits for a whole session may be on a connection that the network has forgotten: without this it would hang for the
        request timeout, which has to be long enough for others to drain while we join.
        """
        send, commit = coordinator._send_req, coordinator._do_commit_offsets

        async def heard(request: Any) -> Any:
            late = asyncio.get_running_loop().call_later(self._session, self._connect_anew) if isinstance(request, HeartbeatRequest) else None
            try:
                answer = await send(request)
            finally:
                if late is not None:
                    late.cancel()
            self.heard = time.monotonic()
            return answer

        def committed(*args: Any) -> asyncio.Future[None]:
            """A commit goes on after its caller gave up; its failure is nobody's news then."""
            task: asyncio.Future[None] = asyncio.ensure_future(commit(*args))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            return task

        coordinator._send_req, coordinator._do_commit_offsets = heard, committed
        self.heard = time.monotonic()

    def _connect_anew(self) -> None:
        if self._client is not None:
            log.warning("no answer to a heartbeat for a session: connecting anew", seconds=self._session)
            for connection in list(self._client._client._conns.values()):
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)

    async def stop(self) -> None:
        """Leave the group; bounded, as the client may hang while brokers are away."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await asyncio.wait_for(client.stop(), _STOP_SECONDS)
        except Exception as error:  # noqa: BLE001 - the client raises what it pleases when its start was cut short
            log.warning("consumer did not stop cleanly", error=repr(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(client._client.close(), _STOP_SECONDS)

    async def fetch(self, ready: Sequence[Partition], max_records: int, timeout: float) -> Mapping[Partition, list[Any]]:
        """Records of the ready partitions; with none ready all are asked for (the caller has paused them)."""
        partitions = [TopicPartition(*p) for p in ready]
        try:
            return await self.client.getmany(*partitions, timeout_ms=int(timeout * 1000), max_records=max_records)  # type: ignore[no-any-return]
        except errors.OffsetOutOfRangeError as error:
            raise OffsetOutOfRange([Partition(*p) for p in error.args[0]]) from error
        except (errors.NoOffsetForPartitionError, errors.IllegalStateError):
            return {}  # not positioned by its lane yet, or revoked between choosing and asking
        except UnicodeDecodeError:
            log.warning("a record has a header name that is no UTF-8: reading slowly for a while", seconds=_LENIENT_SECONDS)
            self._read_leniently()
            raise  # the caller reads again from where it was

    def _read_leniently(self) -> None:
        if self._strict_again is not None:
            self._strict_again.cancel()
        read_leniently(True)
        self._strict_again = asyncio.get_running_loop().call_later(_LENIENT_SECONDS, read_leniently, False)

    def assignment(self) -> Collection[Partition]:
        """What the group gave this member."""
        return {Partition(*p) for p in self.client.assignment()}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`; what was prefetched is discarded."""
        self.client.seek(TopicPartition(*partition), offset)

    def pause(self, *partitions: Partition) -> None:
        """Fetch no more of these; what was prefetched is thrown away."""
        self.client.pause(*(TopicPartition(*p) for p in partitions))

    def resume(self, *partitions: Partition) -> None:
        """Fetch them again."""
        self.client.resume(*(TopicPartition(*p) for p in partitions))

    def high_watermark(self, partition: Partition) -> int:
        """The end of what can be read of the partition, as the last fetch saw it, -1 if unknown: an open transaction is before it."""
        try:
            end, stable = self.client.highwater(TopicPartition(*partition)), self.client.last_stable_offset(TopicPartition(*partition))
        except errors.IllegalStateError:
            return -1
        if self._options.get("isolation_level") == "read_committed" and stable is not None and stable >= 0:
            return int(stable)
        return -1 if end is None else int(end)

    def fetched_at(self, partition: Partition) -> float:
        """When a fetch of the partition was last answered, with records or without; seconds since the epoch, 0 if never."""
        try:
            return (self.client.last_poll_timestamp(TopicPartition(*partition)) or 0) / 1000
        except errors.IllegalStateError:
            return 0.0

    async def position(self, partition: Partition) -> int:
        """The next offset that the client will hand out."""
        return int(await self.client.position(TopicPartition(*partition)))

    async def committed(self, partitions: Collection[Partition], patience: float | None = None) -> dict[Partition, int | None]:
        """The group's certain committed offsets."""
        return await committed_stable(self.client._coordinator, partitions, patience)

    async def bound(self, partition: Partition, where: str) -> int:
        """The first offset of the partition (`earliest`) or the one after its last record (`latest`)."""
        ask = self.client.beginning_offsets if where == "earliest" else self.client.end_offsets
        target = TopicPartition(*partition)
        return int((await ask([target]))[target])

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit; raises EpochOver when the group has moved on, Unavailable when nobody answers."""
        try:
            await self.client.commit({TopicPartition(*p): OffsetAndMetadata(o, "") for p, o in offsets.items()})
        except _EPOCH_OVER as error:
            raise EpochOver(str(error)) from error
        except (errors.KafkaError, OSError, RuntimeError) as error:  # uvloop's word for a connection that is closed
            raise Unavailable(said(error)) from error
