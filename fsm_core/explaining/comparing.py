"""Two machines over the same records: which records end differently, and how. Holds counts and a few examples of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsm_core.engine.batch import SOURCE, BatchResult, Output
from fsm_core.explaining.story import Change, changes

_SOURCE = "the source's"  # a dead letter's key, and that of an output which says none


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a record: `label` is its end state, or how it failed; `sent` every output (or, of an error end, its data)."""

    label: str
    message: str
    sent: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One record that ends differently. `changes` are those of the data, where both sent as much."""

    at: str
    record: Any
    old: Ending
    new: Ending
    changes: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        """As `diff --json` prints it."""
        sides = {name: {"end": side.label, "message": side.message, "sent": [_as_dict(one) for one in side.sent]}
                 for name, side in (("old", self.old), ("new", self.new))}
        return {"at": self.at, "record": self.record, **sides,
                "changes": [{"kind": c.kind, "path": c.path, "before": c.before, "after": c.after} for c in self.changes]}


@dataclass(slots=True)
class Comparison:
    """The sum so far. `moved` counts (old end, new end); the two are equal where only what was sent, or why it failed, differs."""

    examples_of_each: int = 3
    records: int = 0
    moved: dict[tuple[str, str], int] = field(default_factory=dict)
    examples: dict[tuple[str, str], list[Example]] = field(default_factory=dict)

    @property
    def different(self) -> int:
        """Records that end differently."""
        return sum(self.moved.values())

    def add(self, values: Sequence[bytes], old: BatchResult, new: BatchResult, at: Callable[[int], str]) -> None:
        """A batch, as both machines saw it; `at` names the place of a record of it."""
        self.records += len(values)
        for position, (before, after) in enumerate(zip(_endings(old), _endings(new), strict=True)):
            if before == after:
                continue
            kind = (before.label, after.label)
            self.moved[kind] = self.moved.get(kind, 0) + 1
            kept = self.examples.setdefault(kind, [])
            if len(kept) < self.examples_of_each:
                kept.append(Example(at(position), _json(values[position]), before, after, tuple(_differences(before, after))))

    def as_dict(self) -> dict[str, Any]:
        """As `diff --json` prints it: the most frequent first."""
        kinds = sorted(self.moved.items(), key=lambda item: -item[1])
        return {"records": self.records, "different": self.different, "moved": [
            {"from": old, "to": new, "count": count, "examples": [e.as_dict() for e in self.examples[old, new]]} for (old, new), count in kinds]}


def _endings(result: BatchResult) -> list[Ending]:
    failures = dict(result.failures)
    sent: dict[int, list[Output]] = {}
    for output in result.outputs:
        if output.position is not None:
            sent.setdefault(output.position, []).append(output)
    endings = []
    for position, end in enumerate(result.ends):
        failure = failures.get(position)
        if failure is None:
            endings.append(Ending(str(end), "", tuple(map(_sent, sent.get(position, ())))))
        elif failure.reason == "rejected":
            endings.append(Ending(str(failure.state), failure.message, ((None, _json(failure.value), _SOURCE, None, None),)))
        else:
            where = f" in {failure.state}" if failure.state else ""
            endings.append(Ending(f"failed: {failure.reason}{where}", failure.message, ()))
    return endings


def _sent(output: Output) -> tuple[Any, ...]:
    headers = None if output.headers is None else tuple((name, value.decode(errors="replace")) for name, value in output.headers)
    key = _SOURCE if output.key is SOURCE else output.key.decode(errors="replace") if isinstance(output.key, bytes) else output.key
    return output.route, _json(output.value), key, headers, output.timestamp


def _as_dict(sent: tuple[Any, ...]) -> dict[str, Any]:
    route, value, key, headers, timestamp = sent
    return {"route": route, "value": value, "key": key, "headers": dict(headers) if headers else None, "timestamp": timestamp}


def _json(value: bytes | None) -> Any:
    """JSON where it is; else the text, so that an example can always be shown."""
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode(errors="replace")


def _differences(old: Ending, new: Ending) -> list[Change]:
    if len(old.sent) != len(new.sent):
        return []
    found: list[Change] = []
    for i, (before, after) in enumerate(zip(old.sent, new.sent, strict=True)):
        above = f"[{i}]." if len(old.sent) > 1 else ""
        if isinstance(before[1], Mapping) and isinstance(after[1], Mapping):
            found += changes(before[1], after[1], above)
        for name, was, now in zip(("route", "key", "headers", "timestamp"), (before[0], *before[2:]), (after[0], *after[2:]), strict=True):
            if was != now:
                found.append(Change("changed", f"{above}({name})", was, now))
    return found
