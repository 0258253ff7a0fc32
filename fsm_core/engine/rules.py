"""The declarative validate: required, types, ranges; every message is collected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsm_core.definition import Rules


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda v: isinstance(v, str),
    "number": _is_number,
    "integer": lambda v: _is_number(v) and (isinstance(v, int) or v.is_integer()),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "null": lambda v: v is None,
}


def broken_rules(rules: Rules, data: dict[str, Any]) -> list[str]:
    """What the record breaks, one message a rule; empty when it is good."""
    messages = [f"{name} is required" for name in rules.required if data.get(name) is None]
    for name, kind in rules.types.items():
        value = data.get(name)
        if value is not None and not _TYPES[kind](value):
            messages.append(f"{name} is not of type {kind}")
    for name, (low, high) in rules.ranges.items():
        value = data.get(name)
        if value is not None:
            messages.extend(_outside(name, value, low, high))
    return messages


def _outside(name: str, value: Any, low: float | None, high: float | None) -> list[str]:
    if not _is_number(value):
        return [f"{name} is not a number"]
    if low is not None and not value >= low:
        return [f"{name} is below {low}"]
    if high is not None and not value <= high:
        return [f"{name} is above {high}"]
    return []
