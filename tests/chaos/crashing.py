"""`python -m tests.chaos.crashing run …` is the worker that kills itself at a named point: FSM_CRASH=point:passings.

FSM_WEAKEN takes a guarantee away, which the tests must notice: `apart` commits outputs and offsets in two transactions, `early` commits what
was read and not what was acknowledged, `stay` ends without leaving the group. FSM_PATIENCE is how many seconds a request may take, 60
for a worker. The worker's own code knows nothing of this; its classes are wrapped here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator

import worker.delivery.transaction as verbs
import worker.wiring as wiring
from worker.delivery.exactly_once import ExactlyOnce
from worker.delivery.routing import Router
from worker.kafka.consumer import KafkaConsumer
from worker.kafka.transactions import KafkaTransactions
from worker.runtime.member import Member

POINTS = ("after_fetch", "mid_chunk", "after_fence", "after_produce", "before_offsets", "before_commit", "in_commit", "after_commit", "in_revoke")
BETWEEN = "between"
"""Only where FSM_WEAKEN=apart: the outputs are committed and the offset is not."""


class Crash:
    """Counts passings of its point."""

    def __init__(self, text: str) -> None:
        self.point, _, times = text.partition(":")
        self.left = int(times or 1)

    def at(self, point: str) -> None:
        """Gone from one instant to the next, if it is the one."""
        if point == self.point:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: type, verb: str, point: str) -> None:
        """Pass a point whenever a method is called."""
        inner: Callable[..., Any] = getattr(owner, verb)

        @wraps(inner)
        def wrapped(*args: Any, **named: Any) -> Any:
            self.at(point)
            return inner(*args, **named)

        setattr(owner, verb, wrapped)

    def after(self, owner: type, verb: str, point: str) -> None:
        """Pass a point whenever an async method has returned something."""
        inner: Callable[..., Any] = getattr(owner, verb)

        @wraps(inner)
        async def wrapped(*args: Any, **named: Any) -> Any:
            result = await inner(*args, **named)
            if result is None or result:
                self.at(point)
            return result

        setattr(owner, verb, wrapped)

    def during(self, owner: type, verb: str, point: str) -> None:
        """Pass a point a moment after an async method has put its request on the wire."""
        inner: Callable[..., Any] = getattr(owner, verb)

        @wraps(inner)
        async def wrapped(producer: Any) -> Any:
            send = producer._client.client.send

            async def sent(*args: Any, **named: Any) -> Any:
                answer = await send(*args, **named)
                self.at(point)  # the broker has done it, and nobody here knows
                return answer

            if point == self.point:
                producer._client.client.send = sent
            return await inner(producer)

        setattr(owner, verb, wrapped)


def install(crash: Crash, weaken: str) -> None:
    """Wrap what has named points."""
    if weaken == "apart":
        _commit_apart(crash)
    elif weaken == "early":
        _commit_early()
    elif weaken == "stay":
        _stay()
    crash.after(KafkaConsumer, "fetch", "after_fetch")
    crash.before(Router, "outgoing", "mid_chunk")
    crash.after(ExactlyOnce, "open", "after_fence")
    crash.after(KafkaTransactions, "send", "after_produce")
    crash.before(KafkaTransactions, "add_offsets", "before_offsets")
    crash.before(KafkaTransactions, "commit", "before_commit")
    crash.after(KafkaTransactions, "commit", "after_commit")
    crash.during(KafkaTransactions, "commit", "in_commit")
    crash.before(Member, "hand_over", "in_revoke")


def _commit_apart(crash: Crash) -> None:
    add, commit = KafkaTransactions.add_offsets, KafkaTransactions.commit

    async def apart(self: KafkaTransactions, offsets: Any) -> None:
        await commit(self)
        crash.at(BETWEEN)
        await self.begin()
        await add(self, offsets)

    KafkaTransactions.add_offsets = apart  # type: ignore[method-assign]


def _commit_early() -> None:
    commit = KafkaConsumer.commit

    async def early(self: KafkaConsumer, offsets: Any) -> None:
        await commit(self, {partition: max(offset, await self.position(partition)) for partition, offset in offsets.items()})

    KafkaConsumer.commit = early  # type: ignore[method-assign]


def _stay() -> None:
    async def stay(_self: Any) -> None:
        """The session ends it."""

    GroupCoordinator._maybe_leave_group = stay


def hurry(seconds: float) -> None:
    """Requests and verbs end sooner, so that a test need not wait for a minute to see what follows."""
    for name in ("consumer_options", "producer_options", "transaction_options"):
        setattr(wiring, name, _sooner(getattr(wiring, name), seconds))
    verbs.WAIT_SECONDS = seconds


def _sooner(options: Callable[..., dict[str, Any]], seconds: float) -> Callable[..., dict[str, Any]]:
    return lambda *args, **named: {**options(*args, **named), "request_timeout_ms": int(seconds * 1000)}


if __name__ == "__main__":
    from worker.cli.app import main

    if patience := float(os.environ.get("FSM_PATIENCE") or 0):
        hurry(patience)
    install(Crash(os.environ.get("FSM_CRASH", "")), os.environ.get("FSM_WEAKEN", ""))
    main()
