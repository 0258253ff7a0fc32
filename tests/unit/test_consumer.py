"""What the reading side does about a group's broker that says nothing, on a client that is a stand-in."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest

from worker.kafka.consumer import KafkaConsumer


class Connection:
    """Its requests end when it is closed, and not before."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def close(self, reason: Any = None) -> None:
        self.closed.set()


async def turns() -> None:
    """Whatever is due happens."""
    for _ in range(5):
        await asyncio.sleep(0)


def listening(coordinator: Any, *connections: Connection) -> KafkaConsumer:
    """A consumer whose session is over at the loop's next turn."""
    consumer = KafkaConsumer({"session_timeout_ms": 0})
    consumer._client = SimpleNamespace(_client=SimpleNamespace(_conns=dict(enumerate(connections))))
    consumer._listen(coordinator)
    return consumer


async def test_a_heartbeat_that_waits_for_a_session_makes_the_client_connect_anew() -> None:
    """Every connection of the member's is closed, so what waits on one ends; a join is left alone, as others may still drain."""
    fetching, grouping, joined = Connection(), Connection(), asyncio.Event()

    async def send(request: Any) -> None:
        if isinstance(request, JoinGroupRequest):
            await joined.wait()
            return
        await grouping.closed.wait()
        raise KafkaConnectionError("closed")

    coordinator = SimpleNamespace(_send_req=send, _do_commit_offsets=None)
    consumer = listening(coordinator, fetching, grouping)
    before = consumer.heard
    joining = asyncio.create_task(coordinator._send_req(JoinGroupRequest("g", 1, 1, "", "", "consumer", [])))
    await turns()
    assert not grouping.closed.is_set() and not fetching.closed.is_set()
    with pytest.raises(KafkaConnectionError):
        await asyncio.wait_for(coordinator._send_req(HeartbeatRequest("g", 1, "m")), 10)
    assert fetching.closed.is_set() and consumer.heard == before
    joined.set()
    await joining
    assert consumer.heard > before


async def test_a_commit_that_fails_after_its_caller_gave_up_is_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    """The client goes on with a commit whose caller was cancelled; nobody is left to ask how it ended."""
    asked, ended = asyncio.Event(), asyncio.Event()

    async def commit(*_: Any) -> None:
        asked.set()
        await ended.wait()
        raise KafkaConnectionError("closed")

    coordinator = SimpleNamespace(_send_req=None, _do_commit_offsets=commit)
    listening(coordinator)

    async def caller() -> None:
        await asyncio.shield(coordinator._do_commit_offsets({}, {}))

    waiting = asyncio.create_task(caller())
    await asked.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    ended.set()
    await turns()
    gc.collect()
    assert "never retrieved" not in caplog.text
