"""From a finished walk to what leaves the machine: rows, a failure, or a drop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fsm_core.definition import Code, Definition
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import SOURCE, Failure
from fsm_core.engine.codec import JSON, Codec, Encoder, Unencodable, encode
from fsm_core.engine.ends import Addressing, collect
from fsm_core.engine.state import State
from fsm_core.engine.tally import Tally
from fsm_core.engine.walk import Walk, error_text

MOST_OUTPUT: Final = 64 * 1024 * 1024
CHILD: Final = 1024
"""What a child counts besides its bytes: a row that waits takes more memory than a short value."""
Message = Callable[[Code, State], str]


@dataclass(slots=True)
class Outcome:
    """What became of one input record: its rows, or its failure, or the reasons of its drops; `end` where one is asked for."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    drops: list[str] = field(default_factory=list)
    failure: Failure | None = None
    end: str | None = None
    walk: Walk | None = None
    size: int = 0

    def take(self, child: Outcome) -> None:
        """A child's outcome: the first failing one decides, else the first one."""
        if self.failure is None and (child.failure is not None or self.walk is None):
            self.failure, self.end, self.walk = child.failure, child.end, child.walk
        self.rows += child.rows
        self.size += child.size
        self.drops += child.drops


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the ends of one bound machine hand their records out."""

    addressing: Mapping[str, Addressing]
    message: Message
    failure_values: bool = False
    codecs: Mapping[str | None, Codec] = field(default_factory=dict)
    most: int | None = None
    encode: Encoder = encode

    def settle(self, walk: Walk, position: int, tally: Tally) -> Outcome:
        """Write what became of an input record into the tally. If a child fails, no child is handed out."""
        outcome = self._outcome(walk, position, tally)
        tally.ends.append(outcome.end)
        if outcome.failure is not None:
            tally.failures.append((position, outcome.failure))
        elif outcome.rows:
            tally.rows += outcome.rows
        else:
            tally.drop(outcome.drops[0])
        return outcome

    def _outcome(self, walk: Walk, position: int, tally: Tally) -> Outcome:
        tally.walked(tuple(walk.path), tuple(walk.arcs))
        if walk.children is None:
            return self._single(walk, position)
        whole = Outcome()
        for child in walk.children:
            whole.take(self._outcome(child, position, tally))
            if self.most is not None and whole.size > self.most and whole.failure is None:
                return Outcome(failure=_too_many(child, self.most), walk=walk)
        if whole.walk is None:
            return Outcome(drops=[walk.path[-1]], end=walk.path[-1], walk=walk)
        return whole

    def _single(self, walk: Walk, position: int) -> Outcome:
        outcome, end = Outcome(failure=walk.failure, walk=walk), walk.end
        if walk.failure is not None:
            return outcome
        assert end is not None
        if end.outcome == "drop":
            outcome.drops.append(end.reason or end.name)
        elif end.outcome == "error":
            outcome.failure = self._rejected(walk, end)
        else:
            row = self._row(walk, end, position)
            if isinstance(row, Failure):
                outcome.failure = row
            else:
                outcome.rows.append(row)
                outcome.size = len(row[2] or b"") + CHILD
        if outcome.failure is None or outcome.failure.reason == "rejected":
            outcome.end = end.name
        return outcome

    def _row(self, walk: Walk, end: StateDefinition, position: int) -> tuple[Any, ...] | Failure:
        how = self.addressing[end.name]
        answers: dict[str, Any] = {}
        for step, make in () if how.plain else how.steps():
            try:
                answers[step] = make(walk.state)
            except Exception as error:  # noqa: BLE001 - whatever code raises becomes a failure
                return Failure("undeliverable", end.name, step, type(error).__name__, error_text(error), walk.whole)
        try:
            codec = self.codecs.get(end.route, JSON)
            value = None if how.tombstone else (self.encode if codec is JSON else codec.encode)(walk.state.data)
        except Unencodable as error:
            return Failure("unencodable", end.name, None, type(error).__name__, str(error), walk.whole)
        key, headers, timestamp = (SOURCE, None, None) if how.plain else collect(answers)
        return (position, end.route, value, key, headers, timestamp)

    def _rejected(self, walk: Walk, end: StateDefinition) -> Failure:
        caught: Mapping[str, Any] = walk.state.error or {}
        message = walk.state.message
        if message is None and end.message is not None:
            message = self.message(end.message, walk.state)
        if message is None:
            message = caught.get("message") or ""
        value = None
        if self.failure_values:
            try:
                value = self.encode(walk.state.data)
            except Unencodable as error:
                return Failure("unencodable", end.name, None, type(error).__name__, str(error), walk.whole)
        return Failure("rejected", end.name, None, caught.get("type"), message, walk.whole, 1, value)


def most_output(definition: Definition) -> int | None:
    """How many bytes the outputs of one record may come to: a field that each child copies multiplies by what the data says."""
    return None if definition.trusted else MOST_OUTPUT


def _too_many(walk: Walk, most: int) -> Failure:
    return Failure("unencodable", walk.path[-1] if walk.path else None, None, "Unencodable", f"the outputs of one record are over {most} bytes together", walk.whole)


def leaves(walk: Walk) -> Iterator[Walk]:
    """The walks that records ended in: the record's own, or those of its children."""
    if walk.children is None:
        yield walk
        return
    for child in walk.children:
        yield from leaves(child)
