"""Paths into a record: what a `set`, a `remove` and a `rename` do with the objects on the way."""

from __future__ import annotations

from typing import Any

from fsm_core.engine.codec import describe


def without_path(data: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The record without what stands at the path."""
    first, rest = path[0], path[1:]
    if not isinstance(data, dict) or first not in data:
        return data
    if rest:
        return {**data, first: without_path(data[first], rest)}
    return {name: value for name, value in data.items() if name != first}


def renamed_path(data: dict[str, Any], source: tuple[str, ...], target: tuple[str, ...]) -> dict[str, Any]:
    """The record in which what stood at `source` stands at `target`; as it is where nothing stood there.

    `TypeError` where something on the way to the target is no object.
    """
    found: Any = data
    for step in source:
        if not isinstance(found, dict) or step not in found:
            return data
        found = found[step]
    return with_path(without_path(data, source), target, found)


def with_path(data: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of the record with a value at a path; objects on the way are copied or created."""
    first, rest = path[0], path[1:]
    if rest:
        inner = data.get(first)
        if inner is not None and not isinstance(inner, dict):
            raise TypeError(f"{first!r} is {describe(inner)}, not an object")
        value = with_path(inner or {}, rest, value)
    return {**data, first: value}
