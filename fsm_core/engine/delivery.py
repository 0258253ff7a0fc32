"""From a finished walk to what leaves the machine: a row, a failure, or a drop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import SOURCE, Failure
from fsm_core.engine.codec import Unencodable, encode
from fsm_core.engine.ends import Addressing, collect
from fsm_core.engine.interpreter import Walk, error_text
from fsm_core.engine.tally import Tally


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the ends of one bound machine hand their records out."""

    addressing: Mapping[str, Addressing]
    failure_values: bool = False

    def settle(self, walk: Walk, position: int, tally: Tally) -> None:
        """Write what became of a walk into the tally."""
        tally.walked(tuple(walk.path), tuple(walk.arcs))
        failure = walk.failure
        if failure is None:
            assert walk.end is not None
            failure = self._finish(walk, walk.end, position, tally)
        rejected = failure is None or failure.reason == "rejected"
        tally.ends.append(walk.end.name if walk.end is not None and rejected else None)
        if failure is not None:
            tally.failures.append((position, failure))

    def _finish(self, walk: Walk, end: StateDefinition, position: int, tally: Tally) -> Failure | None:
        if end.outcome == "drop":
            tally.drop(end.reason or end.name)
            return None
        if end.outcome == "error":
            return self._rejected(walk, end)
        row = self._row(walk, end, position)
        if isinstance(row, Failure):
            return row
        tally.rows.append(row)
        return None

    def _row(self, walk: Walk, end: StateDefinition, position: int) -> tuple[Any, ...] | Failure:
        path = tuple(walk.path)
        how = self.addressing[end.name]
        answers: dict[str, Any] = {}
        for step, make in how.steps():
            try:
                answers[step] = make(walk.state)
            except Exception as error:  # noqa: BLE001 - whatever code raises becomes a failure
                return Failure("undeliverable", end.name, step, type(error).__name__, error_text(error), path)
        try:
            value = None if how.tombstone else encode(walk.state.data)
        except Unencodable as error:
            return Failure("unencodable", end.name, None, type(error).__name__, str(error), path)
        key, headers, timestamp = (SOURCE, None, None) if how.plain else collect(answers)
        return (position, end.route, value, key, headers, timestamp)

    def _rejected(self, walk: Walk, end: StateDefinition) -> Failure:
        caught: Mapping[str, Any] = walk.state.error or {}
        message = walk.state.message or caught.get("message") or ""
        value = None
        if self.failure_values:
            try:
                value = encode(walk.state.data)
            except Unencodable as error:
                return Failure("unencodable", end.name, None, type(error).__name__, str(error), tuple(walk.path))
        return Failure("rejected", end.name, None, caught.get("type"), message, tuple(walk.path), 1, value)
