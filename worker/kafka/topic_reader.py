"""Reads stretches of topics without a group: for tools that look at what stands there, in bounded memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.errors import KafkaError

from worker.kafka.consumer import use_light_records
from worker.kafka.lenient import read_leniently
from worker.kafka.saying import said
from worker.runtime.ports import Partition, Unavailable

_STILL_SECONDS = 30.0
_FETCH_RECORDS = 5000

Stretch = tuple[int, int]
"""First offset, and the one after the last."""


class TopicReader:
    """Use it as `async with`. Raises Unavailable where no broker answers, KeyError for a topic that is not there."""

    def __init__(self, connection: Mapping[str, Any], isolation: str = "read_committed") -> None:
        use_light_records()
        self._options = {**connection, "isolation_level": isolation, "enable_auto_commit": False, "auto_offset_reset": "none",
                         "max_partition_fetch_bytes": 1 << 20, "fetch_max_wait_ms": 100}
        self._client: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> TopicReader:
        client = AIOKafkaConsumer(**self._options)
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            await client.stop()
            raise Unavailable(said(error)) from error
        self._client = client
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.sleep(0)  # the client cancels a task of its own and awaits it: one that never ran would cancel us
        await self.client.stop()

    @property
    def client(self) -> AIOKafkaConsumer:
        """The started client."""
        assert self._client is not None, "use it as `async with`"
        return self._client

    async def stretches(self, topics: Collection[str]) -> dict[Partition, Stretch]:
        """What every partition holds now, as far as its transactions are decided."""
        await self.client._client.set_topics(set(topics))
        known = self.client._client.cluster
        partitions = []
        for topic in sorted(set(topics)):
            found = known.partitions_for_topic(topic)
            if not found:
                raise KeyError(topic)
            partitions += [TopicPartition(topic, p) for p in sorted(found)]
        try:
            begins, ends = await self.client.beginning_offsets(partitions), await self.client.end_offsets(partitions)
        except (KafkaError, OSError) as error:
            raise Unavailable(said(error)) from error
        return {Partition(*p): (begins[p], ends[p]) for p in partitions}

    async def read(self, wanted: Mapping[Partition, Stretch]) -> AsyncIterator[tuple[Partition, Sequence[Any]]]:
        """The records of these stretches: of each partition in order, partitions mixed. Holds one fetch at a time."""
        left = {TopicPartition(*p): stretch for p, stretch in wanted.items() if stretch[0] < stretch[1]}
        if not left:
            return
        self.client.assign(list(left))
        at = {p: begin for p, (begin, _) in left.items()}
        for partition, begin in at.items():
            self.client.seek(partition, begin)
        moved = time.monotonic()
        while left:
            for partition, records in (await self._fetch(left, at)).items():
                moved, end = time.monotonic(), left[partition][1]
                at[partition] = records[-1].offset + 1
                inside = records if records[-1].offset < end else [r for r in records if r.offset < end]
                if inside:
                    yield Partition(*partition), inside
            for partition in [p for p, (_, end) in left.items() if at[p] >= end or await self.client.position(p) >= end]:
                del left[partition]
                self.client.pause(partition)
            if time.monotonic() - moved > _STILL_SECONDS:
                raise Unavailable(f"nothing more came of {', '.join(f'{p.topic}:{p.partition}' for p in left)} for {_STILL_SECONDS:g} s")

    async def _fetch(self, left: Collection[TopicPartition], at: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            return await self.client.getmany(*left, timeout_ms=200, max_records=_FETCH_RECORDS)  # type: ignore[no-any-return]
        except errors.OffsetOutOfRangeError as error:  # deleted while it was read
            begins = await self.client.beginning_offsets(list(error.args[0]))
            for partition, begin in begins.items():
                self.client.seek(partition, max(begin, at[partition]))
        except UnicodeDecodeError:
            read_leniently(True)
            for partition in left:
                self.client.seek(partition, at[partition])
        except (KafkaError, OSError) as error:
            if not getattr(error, "retriable", False):
                raise Unavailable(said(error)) from error
            await asyncio.sleep(0.2)
        return {}

    async def one(self, partition: Partition, offset: int) -> Any | None:
        """The record at an offset, None if there is none (any more)."""
        begin, end = (await self.stretches([partition.topic])).get(partition, (0, 0))
        if begin <= offset < end:
            async for _, records in self.read({partition: (offset, offset + 1)}):
                return records[0] if records[0].offset == offset else None
        return None
