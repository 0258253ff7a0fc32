"""Judges every result record against the input, without the code that made it."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from benchmarks.job import orders


class Verdict(NamedTuple):
    """How many input records have no result, how many results are repeats, how many are not what they must be."""

    missing: int
    doubled: int
    wrong: int

    @property
    def clean(self) -> bool:
        return not any(self)


class Checker:
    """Takes results in any order. A dead letter must hold the source's key and value byte for byte."""

    def __init__(self, count: int) -> None:
        self._good: dict[int, tuple[bytes, dict[str, Any]]] = {}
        self._bad: dict[bytes, bytes] = {}
        for number, order in enumerate(orders(count)):
            if order.fields is None:
                self._bad[order.value] = order.key
            else:
                self._good[number] = (order.key, order.fields)
        self._seen: set[int | bytes] = set()
        self._doubled = self._wrong = 0

    def output(self, key: bytes | None, value: bytes | None) -> None:
        """A record of the output topic."""
        try:
            found = orjson.loads(value or b"")
            number = found["id"]
            source_key, fields = self._good[number]
        except (ValueError, KeyError, TypeError):
            self._wrong += 1
            return
        self._see(number)
        self._wrong += key != source_key or not _is_priced(fields, found)

    def dead_letter(self, key: bytes | None, value: bytes | None) -> None:
        """A record of the dead-letter topic."""
        if value is None or value not in self._bad:
            self._wrong += 1
            return
        self._see(value)
        self._wrong += key != self._bad[value]

    def verdict(self) -> Verdict:
        """What all records so far come to."""
        return Verdict(len(self._good) + len(self._bad) - len(self._seen), self._doubled, self._wrong)

    def _see(self, identity: int | bytes) -> None:
        self._doubled += identity in self._seen
        self._seen.add(identity)


def _is_priced(source: dict[str, Any], found: dict[str, Any]) -> bool:
    total = found.pop("total", None)
    near = isinstance(total, float) and abs(total - source["amount"] * 6 / 5) < 0.00501
    tier = "low" if source["amount"] <= 100 else "high"
    return near and found == {**source, "processed": True, "tier": tier}
