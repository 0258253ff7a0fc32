"""The job that every contender does: its deterministic input, and the function a hand-written loop would call."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

NO_AMOUNT, BROKEN = 0.010, 0.011  # shares, cumulated: 1 % without a numeric amount, 0.1 % not JSON


class Order(NamedTuple):
    """An input record; `fields` is None where only a dead letter is right."""

    key: bytes
    value: bytes
    fields: dict[str, Any] | None


def orders(count: int) -> Iterator[Order]:
    """The same `count` records at every call; `id` numbers them from 0."""
    dice = random.Random(20261124)
    for number in range(count):
        customer, luck = dice.randrange(1, 50_000), dice.random()
        fields: dict[str, Any] = {
            "id": number, "customer": customer, "kind": dice.choice(("order", "return", "gift")),
            "amount": round(dice.uniform(1, 250), 2), "currency": "EUR", "at": 1_764_000_000 + number / 1000,
            "country": dice.choice(("DE", "FR", "US", "JP")), "note": "the door",
            "lines": [{"sku": f"K-{dice.randrange(100, 999)}", "qty": dice.randrange(1, 9)}],
        }
        if luck < NO_AMOUNT:
            fields["amount"] = "unknown"
        value = orjson.dumps(fields)
        if NO_AMOUNT <= luck < BROKEN:
            value = value[:-12]
        yield Order(b"%d" % customer, value, None if luck < BROKEN else fields)


def price(raw: bytes) -> bytes | None:
    """The job by hand: the priced order, or None for a dead letter."""
    try:
        order = orjson.loads(raw)
        amount = order["amount"]
        if isinstance(amount, bool) or not isinstance(amount, (int, float)):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    order["total"] = round(amount * 1.2, 2)
    order["processed"] = True
    order["tier"] = "high" if amount > 100 else "low"
    return orjson.dumps(order)
