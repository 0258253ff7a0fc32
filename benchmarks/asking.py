"""A machine that looks up each record's address with a batch function, beside the same logic as one would write it by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from fsm_core.engine.protocol import Done, Step

MACHINE: dict[str, Any] = {
    "name": "Visits", "states": [
        {"name": "visit", "is_start": True, "require": [{"condition": "data.id >= 0"}], "set": {"twice": "=data.id * 2"}, "on_error": "rejected"},
        {"name": "place", "functions": {"transform": {"ref": "look", "mode": "batch", "args": "=data.ip", "into": "place"}}},
        {"name": "rate", "set": {"tier": "=case(data.place.country == 'DE', 'home', 'away')"}, "remove": ["ip"]},
        {"name": "output", "is_end": True}, {"name": "rejected", "is_end": True, "outcome": "error"}],
    "arcs": [{"from": "visit", "to": "place"}, {"from": "place", "to": "rate"}, {"from": "rate", "to": "output"}],
}
_COUNTRIES = ("DE", "FR", "IT")


def visits(records: int) -> list[bytes]:
    """One in a hundred is rejected."""
    return [b'{"id":%d,"ip":"10.0.%d.%d","page":"/index.html"}' % (n if n % 100 else -1, n % 200, n % 250) for n in range(records)]


def look(addresses: Sequence[str]) -> list[Any]:
    """Stands for the service: what is measured is what is around the call."""
    return [{"country": _COUNTRIES[len(address) % 3]} for address in addresses]


def by_hand(values: Sequence[bytes]) -> list[bytes]:
    """Two loops around one call."""
    kept = [data for data in map(orjson.loads, values) if data["id"] >= 0]
    rows = []
    for data, place in zip(kept, look([data["ip"] for data in kept]), strict=True):
        data["twice"] = data["id"] * 2
        data["place"] = place
        data["tier"] = "home" if place["country"] == "DE" else "away"
        del data["ip"]
        rows.append(orjson.dumps(data))
    return rows


def answering(start: Callable[[Sequence[bytes]], Step]) -> Callable[[list[bytes]], list[bytes]]:
    """A batch with its calls made at once."""
    def run(values: list[bytes]) -> list[bytes]:
        step = start(values)
        while not isinstance(step, Done):
            step = step.answer(look(step.records))
        return [row[2] for row in step.result.rows]
    return run
