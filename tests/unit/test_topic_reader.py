"""A reader of topics may be left at any moment."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import NoGroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState

from worker.kafka import topic_reader
from worker.kafka.topic_reader import TopicReader


class Client:
    """A client that starts at once, with the real keeper of a consumer without a group."""

    def __init__(self, **_options: Any) -> None:
        self._coordinator: Any = None
        self.stopped = False

    async def start(self) -> None:
        cluster = SimpleNamespace(add_listener=lambda _: None)
        self._coordinator = NoGroupCoordinator(SimpleNamespace(cluster=cluster), SubscriptionState())

    async def stop(self) -> None:
        await self._coordinator.close()
        self.stopped = True


async def test_a_reader_that_is_left_at_once_does_not_cancel_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client cancels a task of its own that never ran, and awaits it: the cancellation would be the caller's."""
    monkeypatch.setattr(topic_reader, "AIOKafkaConsumer", Client)

    async def looks() -> Any:
        async with TopicReader({}) as reader:
            return reader.client

    task = asyncio.create_task(looks())
    await asyncio.wait([task])
    assert not task.cancelled()
    assert task.result().stopped
