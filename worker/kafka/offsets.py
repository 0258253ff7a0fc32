"""Committed offsets that can be believed: OffsetFetch v7 with require_stable, group-level errors included.

The client's own `committed()` answers None while the coordinator loads or moves; started from that, records would be skipped.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from aiokafka import errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from worker.runtime.ports import Partition, Unsettled

_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)
_WAIT_CODES = {14, 15, 16, 88}  # loading, unavailable, moved, a transaction's offsets still pending
_MOVED_CODES = {15, 16}
_UNSETTLED_CODE = 88


class _Answer(Response):  # type: ignore[misc]
    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_ms", Int32),
        ("topics", CompactArray(
            ("topic", _TEXT),
            ("partitions", CompactArray(("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", _TEXT),
                                        ("error", Int16), _TAGS)),
            _TAGS)),
        ("error", Int16), _TAGS)


class _Question(RequestStruct):  # type: ignore[misc]
    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = _Answer
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        ("group", _TEXT), ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), _TAGS)),
        ("require_stable", Boolean), _TAGS)


class _OffsetFetch(Request[_Question]):  # type: ignore[misc]
    API_KEY = 9

    def __init__(self, *fields: Any) -> None:
        self._fields = fields

    def build(self, struct: type[_Question]) -> _Question:
        return struct(*self._fields)


async def committed_stable(coordinator: Any, partitions: Collection[Partition], patience: float | None = None) -> dict[Partition, int | None]:
    """The committed offset of each partition, None where the group certainly has none; waits while nobody can know.

    With `patience` raises Unsettled when a transaction's offsets were pending for so many seconds.
    """
    found = await committed_with_metadata(coordinator, partitions, patience)
    return {p: (offset if offset >= 0 else None) for p, (offset, _) in found.items()}


async def committed_with_metadata(coordinator: Any, partitions: Collection[Partition], patience: float | None = None) -> dict[Partition, tuple[int, str]]:
    """The same with what was committed beside the offset; -1 is none."""
    topics: dict[str, list[int]] = defaultdict(list)
    for partition in partitions:
        topics[partition.topic].append(partition.partition)
    unsettled_since: float | None = None
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            answer = await coordinator._send_req(_OffsetFetch(coordinator.group_id, [(t, p, {}) for t, p in topics.items()], True, {}))
        except errors.KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(0.1)
            continue
        found = {Partition(t, p): (offset, text, code) for t, ps, _ in answer.topics for p, offset, _, text, code, _ in ps}
        codes = {code for _, _, code in found.values()} | {answer.error}
        if codes == {0}:
            return {p: (offset, text or "") for p, (offset, text, _) in found.items()}
        if not codes & _WAIT_CODES:
            raise errors.KafkaError(f"OffsetFetch of group {coordinator.group_id} answered errors {sorted(codes - {0})}")
        if codes & _MOVED_CODES:
            coordinator.coordinator_dead()
        unsettled_since = (unsettled_since or time.monotonic()) if _UNSETTLED_CODE in codes else None
        if patience is not None and unsettled_since is not None and time.monotonic() - unsettled_since > patience:
            raise Unsettled(f"a transaction holds offsets of {', '.join(f'{p.topic}:{p.partition}' for p in partitions)} for {patience:g} s")
        await asyncio.sleep(0.05)
