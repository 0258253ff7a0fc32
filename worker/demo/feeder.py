"""The demo's events: orders at a steady rate, about 2 % of them with trouble, each fate known before it is sent."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiokafka import AIOKafkaProducer


class Fate(StrEnum):
    """Where an event must end."""

    PRODUCED = "produced"
    DEAD_LETTERED = "dead-lettered"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Event:
    """One record to send. The key is its id: it survives broken values, and outputs and dead letters carry it on."""

    key: bytes
    value: bytes
    fate: Fate


@dataclass(slots=True)
class Ledger:
    """What the broker acknowledged: id → fate. The audit trusts nothing else."""

    fates: dict[bytes, Fate] = field(default_factory=dict)

    def counts(self) -> Counter[Fate]:
        """How many events of each fate were fed."""
        return Counter(self.fates.values())


def missing_field(order: dict[str, Any]) -> bytes:
    """An order without its price."""
    return json.dumps({k: v for k, v in order.items() if k != "price"}).encode()


def wrong_type(order: dict[str, Any]) -> bytes:
    """A quantity in words."""
    return json.dumps({**order, "qty": "three"}).encode()


def broken_json(order: dict[str, Any]) -> bytes:
    """A value cut off in the middle."""
    return json.dumps(order).encode()[:-9]


def test_record(order: dict[str, Any]) -> bytes:
    """A test order, which the machine drops."""
    return json.dumps({**order, "kind": "test"}).encode()


TROUBLE: tuple[tuple[Callable[[dict[str, Any]], bytes], Fate], ...] = (
    (missing_field, Fate.DEAD_LETTERED), (wrong_type, Fate.DEAD_LETTERED),
    (broken_json, Fate.DEAD_LETTERED), (test_record, Fate.DROPPED),
)


def events(rng: random.Random, trouble: float = 0.02) -> Iterator[Event]:
    """Endless orders o-0, o-1, …; a share of `trouble` of them, at random, is one of `TROUBLE`."""
    number = 0
    while True:
        order = {"id": f"o-{number}", "kind": "order", "customer": f"c-{rng.randrange(500)}", "sku": f"sku-{rng.randrange(40)}",
                 "qty": rng.randint(1, 20), "price": round(rng.uniform(1, 150), 2)}
        key = str(order["id"]).encode()
        if rng.random() < trouble:
            spoil, fate = rng.choice(TROUBLE)
            yield Event(key, spoil(order), fate)
        else:
            yield Event(key, json.dumps(order).encode(), Fate.PRODUCED)
        number += 1


async def feed(bootstrap: str, topic: str, ledger: Ledger, stop: asyncio.Event, rate: int = 2000) -> None:
    """Send `rate` events a second until `stop`; every event enters the ledger once the broker has acknowledged it.

    An event that the broker refuses ends the feeding with its error: an audit over unknown facts would prove nothing.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5)
    await producer.start()
    source, sent, began = events(random.Random()), 0, time.monotonic()
    try:
        while not stop.is_set():
            due = int((time.monotonic() - began) * rate) - sent
            batch = [next(source) for _ in range(min(due, rate))]
            acks = [await producer.send(topic, event.value, key=event.key) for event in batch]
            for event, ack in zip(batch, acks, strict=True):
                await ack
                ledger.fates[event.key] = event.fate
            sent += len(batch)
            await asyncio.sleep(0.02)
    finally:
        await producer.stop()
