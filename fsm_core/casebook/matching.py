"""Whether what came is what a test expects: objects by the keys given, lists element by element, numbers by value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that came otherwise: both sides as they are shown."""

    where: str
    expected: str
    came: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, came {self.came}"


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else text[:199] + "…"


def differ(where: str, expected: Any, came: Any) -> Iterator[Mismatch]:
    """Every mismatch between the two."""
    if isinstance(expected, dict) and isinstance(came, dict):
        for key, value in expected.items():
            if key in came:
                yield from differ(f"{where}.{key}", value, came[key])
            else:
                yield Mismatch(f"{where}.{key}", shown(value), "no such field")
    elif isinstance(expected, list) and isinstance(came, list) and len(expected) == len(came):
        for i, (one, other) in enumerate(zip(expected, came, strict=True)):
            yield from differ(f"{where}[{i}]", one, other)
    elif isinstance(expected, list | dict) or not _same(expected, came):
        yield Mismatch(where, shown(expected), shown(came))


def _same(expected: Any, came: Any) -> bool:
    if isinstance(expected, bool) or isinstance(came, bool):
        return expected is came
    return bool(expected == came)
