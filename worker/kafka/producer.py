"""One aiokafka producer's life: batches in, one callback each out; errors sorted into what the delivery decides by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition, errors

from worker.kafka.saying import said
from worker.runtime.ports import Misrouted, Outgoing, Refused, Unavailable, Undelivered

log = structlog.get_logger(__name__)
_STOP_SECONDS = 3.0
_POISONED = "an earlier batch of the partition failed"
_REFUSALS: tuple[type[Exception], ...] = (
    errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.InvalidTimestampError, errors.CorruptRecordException,
    errors.UnknownError, errors.InvalidRequestError, errors.InvalidRequiredAcksError, errors.PolicyViolationError,
)
_MISROUTES: tuple[type[Exception], ...] = (
    errors.UnknownTopicOrPartitionError, errors.TopicAuthorizationFailedError, errors.InvalidTopicError, errors.ClusterAuthorizationFailedError,
)


def sort_error(error: BaseException) -> Exception:
    """The port's name for what aiokafka raised: refused for what the record is, misrouted, or not delivered."""
    text = said(error)
    if isinstance(error, _MISROUTES):
        return Misrouted(text)
    if isinstance(error, _REFUSALS):
        return Refused(text)
    return Undelivered(text)


class KafkaProducer:
    """See `worker.runtime.ports.Producer`. Make one with `start_producer`."""

    def __init__(self, client: AIOKafkaProducer) -> None:
        self._client = client
        self._sending = 0
        self._closed = False
        self._poisoned: set[TopicPartition] = set()
        self._fail_all = client._message_accumulator.fail_all = partial(fail_all, client._message_accumulator)

    async def send(self, topic: str, partition: int, records: Sequence[Outgoing], done: Callable[[Exception | None], None]) -> None:
        """Queue the records as batches, in order; waits while an earlier batch of the partition is not yet on its way."""
        waiting: list[Any] = []
        start = 0
        while start < len(records):
            batch = self._client.create_batch()
            taken = _fill(batch, records, start)
            if not taken:
                raise Refused(f"a record of {len(records[start][2] or b'')} bytes does not fit into a batch")
            waiting.append(await self._queue(batch, topic, partition))
            start += taken
        _when_all(waiting, done)

    async def _queue(self, batch: Any, topic: str, partition: int) -> Any:
        batch.close()
        target = TopicPartition(topic, partition)
        if target in self._poisoned:
            raise Undelivered(_POISONED)
        if self._closed:
            raise Undelivered("the producer is closed")  # the closed client would wait for metadata for ever
        self._sending += 1
        try:
            queued = await self._client.send_batch(batch, topic, partition=partition)
        except (errors.KafkaError, AssertionError, OSError, RuntimeError) as error:  # the last is uvloop's word for a closed connection
            raise sort_error(error) from error
        finally:
            self._sending -= 1
        queued.add_done_callback(partial(_release, batch))
        if self._closed:
            raise Undelivered("the producer was closed meanwhile")
        waiting = self._client._message_accumulator._batches.get(target)
        if waiting:
            waiting[-1].failure = partial(self._fail, target, waiting[-1])
            if target in self._poisoned:
                self._drop_queue(target)
        return queued

    def _fail(self, target: TopicPartition, batch: Any, exception: BaseException) -> None:
        """A failed batch burns its sequence number: a later one might be accepted before it is sent again, so none may leave.

        This runs within the client's own handling of the answer: afterwards it would be too late for the batch that is next.
        """
        fail_quietly(batch, exception)
        if self._client._txn_manager is not None:
            self._poisoned.add(target)
            self._drop_queue(target)

    def _drop_queue(self, target: TopicPartition) -> None:
        for batch in self._client._message_accumulator._batches.pop(target, ()):
            fail_quietly(batch, errors.KafkaError(_POISONED))

    async def stop(self, patience: float = _STOP_SECONDS) -> None:
        """Wait up to `patience` seconds for what is in flight, then close: the client's `stop` hangs while brokers are away.

        The client takes a batch that waited for its turn even after its last flush, and answers it never: nobody may be waiting
        when it is closed, and what is left then fails.
        """
        deadline = time.monotonic() + patience
        while self._sending and time.monotonic() < deadline:  # noqa: ASYNC110 - rare: only at a producer's end
            await asyncio.sleep(0.01)
        self._closed = True
        try:
            await asyncio.wait_for(self._client.stop(), max(0.1, deadline - time.monotonic()))
        except (TimeoutError, errors.KafkaError, OSError) as error:
            log.warning("producer did not stop cleanly", error=repr(error))
            task = self._client._sender._sender_task
            if task is not None:
                task.cancel()
            await self._client.client.close()
        finally:
            self._fail_all(errors.ProducerClosed())


def fail_all(queues: Any, error: BaseException) -> None:
    """What the client does when its sender dies. Its own stumbles over a batch that takes others out of their queues with it,
    and the rest would never be answered."""
    queued = [b for waiting in list(queues._batches.values()) for b in list(waiting)]
    queues._pending_batches.update(b for b in queued if b.retry_count)  # sent before: its end takes it out of there
    for batch in {*queues._pending_batches, *queued}:
        fail_quietly(batch, error)
    queues._exception = error


def fail_quietly(batch: Any, error: BaseException) -> None:
    """Fail a batch as the client does, and look at its second future, that only a batch queued behind it would wait for."""
    type(batch).failure(batch, error)
    if not batch._drain_waiter.cancelled():
        batch._drain_waiter.exception()


def _release(batch: Any, future: Any) -> None:
    """Let go of a finished batch's bytes: the client keeps it in a cycle that only the garbage collector ends.

    Its error is looked at here too: nobody may be left to ask when a worker ends with brokers away.
    """
    _error_of(future)
    batch._buffer = b""


def _fill(batch: Any, records: Sequence[Outgoing], start: int) -> int:
    """Append records until the batch is full; how many. Straight to the builder: the client's wrapper costs as much again."""
    append, taken = batch._builder.append, 0
    for taken in range(len(records) - start):
        timestamp, key, value, headers, _position, _dead = records[start + taken]
        if append(taken, timestamp, key, value, headers) is None:
            break
    else:
        taken = len(records) - start
    batch._relative_offset = taken
    return taken


def _when_all(futures: list[Any], done: Callable[[Exception | None], None]) -> None:
    """Call `done` once, when the last future is: with the first error in order, or None."""
    if len(futures) == 1:
        futures[0].add_done_callback(partial(_one, done))
        return
    left = len(futures)

    def settle(_future: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            failed = [f for f in futures if _error_of(f) is not None]
            _one(done, failed[0] if failed else futures[0])

    for future in futures:
        future.add_done_callback(settle)


def _error_of(future: Any) -> BaseException | None:
    return asyncio.CancelledError() if future.cancelled() else future.exception()


def _one(done: Callable[[Exception | None], None], future: Any) -> None:
    error = _error_of(future)
    done(None if error is None else sort_error(error))


async def start_producer(options: Mapping[str, Any]) -> KafkaProducer:
    """A started producer; raises Unavailable when no broker answers."""
    client = AIOKafkaProducer(**options)
    try:
        await client.start()
    except (errors.KafkaError, OSError) as error:
        await KafkaProducer(client).stop()
        raise Unavailable(said(error)) from error
    except asyncio.CancelledError:
        client._closed = True
        await client.client.close()
        raise
    return KafkaProducer(client)
