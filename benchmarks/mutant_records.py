"""The records that tell a mutant from its original: those of the machine's tests, and each with one thing changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsm_core.casebook import parse_cases
from fsm_core.document.reading import Document
from fsm_core.engine.batch import Meta

_MOST = 400


@dataclass(frozen=True, slots=True)
class Batch:
    """Values that go through the machine at one moment and from one place."""

    values: tuple[bytes, ...]
    meta: Meta | None
    now: float | None


def batches(document: Document) -> list[Batch]:
    """A batch for each test of the machine: its record, then that record with one value left out, null, or another."""
    cases, _ = parse_cases(document)
    pool = [value for case in cases for _, value in _places(case.given)]
    made = []
    for case in cases:
        varied = [case.given, *_variations(case.given, pool)][:_MOST]
        made.append(Batch(tuple(dict.fromkeys(json.dumps(r).encode() for r in varied)), case.meta, case.now))
    return made


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if path:
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from _places(below, (*path, key))


def _variations(record: Mapping[str, Any], pool: list[Any]) -> Iterator[dict[str, Any]]:
    for path, value in list(_places(record)):
        made = copy.deepcopy(dict(record))
        del _above(made, path)[path[-1]]
        yield made
        for other in (None, "x", "", 0, *_near(value), *(p for p in pool if type(p) is type(value) and p != value)):
            made = copy.deepcopy(dict(record))
            _above(made, path)[path[-1]] = other
            yield made


def _near(value: Any) -> list[Any]:
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value + d for d in (-100, -1, -0.1, 0.1, 1, 100)] + [value * 10, -value, str(value)]
        case str():
            return [value + "x", value.upper(), f" {value} ", *([float(value), int(float(value)) + 1] if value.replace(".", "", 1).isdigit() else [])]
    return []


def _above(record: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        record = record[step]
    return record


def customer(asked: list[dict[str, Any]]) -> list[Any]:
    """The service of examples/jobs/customers.yaml: it knows some, does not know others, and is down for the rest."""
    return [KeyError(repr(a.get("id"))) if a.get("id") == "c0" else {"segment": "gold", "asked": a} if a.get("id") == "c9" else ConnectionError("down") for a in asked]
