"""The streaming page's machine and records like its own; nothing here needs a package, so that any contender can import it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def _inline(code: str) -> dict[str, str]:
    return {"type": "inline", "code": code}


def _state(name: str, transform: str) -> dict[str, Any]:
    return {"name": name, "functions": {"transform": _inline(transform)}}


VALIDATE = "lambda state: {**state.data, 'valid': state.data.get('value') is not None and state.data.get('value') >= 0}"
ENRICH = """lambda state: {
    'id': state.data['id'], 'original_value': state.data['value'], 'doubled_value': state.data['value'] * 2,
    'squared_value': state.data['value'] ** 2, 'category': state.data['category'], 'status': 'enriched'}"""
CATEGORIZE = """lambda state: {
    **state.data,
    'value_tier': 'high' if state.data['original_value'] > 5000 else 'medium' if state.data['original_value'] > 1000 else 'low',
    'status': 'processed', 'risk_score': min(100, state.data['squared_value'] / 100)}"""

MACHINE: dict[str, Any] = {
    "name": "StreamingProcessor", "main_network": "main",
    "networks": [{
        "name": "main",
        "states": [
            {"name": "input", "is_start": True}, _state("validate", VALIDATE), _state("enrich", ENRICH), _state("categorize", CATEGORIZE),
            {"name": "output", "is_end": True}, {"name": "error", "is_end": True},
        ],
        "arcs": [
            {"from": "input", "to": "validate"},
            {"from": "validate", "to": "enrich", "condition": _inline("lambda state: state.data.get('valid', True)")},
            {"from": "validate", "to": "error", "condition": _inline("lambda state: not state.data.get('valid', True)")},
            {"from": "enrich", "to": "categorize"}, {"from": "categorize", "to": "output"},
        ],
    }],
}


def write(path: Path, records: int) -> None:
    """The records, one in fifty of them with a value that the machine rejects."""
    with path.open("w", encoding="utf-8") as file:
        for n in range(records):
            value = n * 10 % 20_011 if n % 50 else -1
            file.write(f'{{"id": {n}, "value": {value}, "category": "cat_{n % 5}", "status": "pending"}}\n')


def pages(records: int) -> list[bytes]:
    """The same records as values."""
    return [b'{"id": %d, "value": %d, "category": "cat_%d", "status": "pending"}' % (n, n * 10 % 20_011 if n % 50 else -1, n % 5)
            for n in range(records)]


def expected(before: dict[str, Any]) -> dict[str, Any] | None:
    """What the page says of a record; None where it ends in the error state."""
    value = before["value"]
    if value < 0:
        return None
    tier = "high" if value > 5000 else "medium" if value > 1000 else "low"
    return {"id": before["id"], "original_value": value, "doubled_value": value * 2, "squared_value": value ** 2,
            "category": before["category"], "value_tier": tier, "status": "processed", "risk_score": min(100, value ** 2 / 100)}
