"""What goes into a machine and what comes out: a batch of values in, outputs and failures as data out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal, NamedTuple


class _Source(Enum):
    SOURCE = "source"

    def __repr__(self) -> str:
        return "SOURCE"


SOURCE: Final = _Source.SOURCE
"""The key of an output that keeps the key of the record it came from."""

Key = bytes | None | Literal[_Source.SOURCE]
Headers = list[tuple[str, bytes]]

Reason = Literal[
    "malformed", "schema", "validate", "transform", "guard", "no_arc", "rejected", "timeout", "retries",
    "max_transitions", "unencodable", "too_large", "undeliverable", "quarantined",
]

REASONS: Final[Mapping[Reason, str]] = {
    "malformed": "the value is no JSON object",
    "schema": "the record does not fit `input_schema`",
    "validate": "a `require` or a validate that is not met, or that raises",
    "transform": "`let`, transform, `record` … `fan_out` or an arc's transform raised",
    "guard": "a condition or a `switch` raised",
    "no_arc": "no arc of the state was true",
    "rejected": "the record came to an error end",
    "timeout": "a function took too long, and there is no `retry`",
    "retries": "a function failed in every attempt",
    "max_transitions": "the record went round in a circle too often",
    "unencodable": "what came out is no JSON: NaN, an infinity, nesting without end",
    "too_large": "the output is larger than the broker takes",
    "undeliverable": "the end's key, headers or timestamp cannot be sent, or the broker refuses the output",
    "quarantined": "an earlier record of the same key is a dead letter (`dead_letter.quarantine: key`)",
}
"""What each reason means, for readers."""


class Meta(NamedTuple):
    """Where a record comes from, as functions see it: text key (None if null or not UTF-8), timestamp in seconds."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    key: str | None = None
    timestamp: float | None = None
    headers: Mapping[str, str] = {}


class Output(NamedTuple):
    """One outgoing record. `position` is the index of its input in the batch (None: of no input, for timers later)."""

    position: int | None
    route: str | None
    value: bytes | None
    key: Key = SOURCE
    headers: Headers | None = None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record is a dead letter. `value` holds the encoded data of an error end state, if it was asked for."""

    reason: Reason
    state: str | None = None
    function: str | None = None
    error: str | None = None
    message: str = ""
    path: tuple[str, ...] = ()
    attempts: int = 1
    value: bytes | None = None


@dataclass(slots=True)
class BatchResult:
    """What became of a batch, in input order.

    `rows` are plain tuples in the order of `Output`'s fields (the hot path builds no objects); `outputs` gives them names.
    `ends[i]` is the name of the end state of input i, None where the record failed before one.
    `states` and `arcs` count entries by name and by (from, to). `dropped` counts inputs that ended in a drop.
    """

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    failures: list[tuple[int, Failure]] = field(default_factory=list)
    ends: Sequence[str | None] = ()
    states: dict[str, int] = field(default_factory=dict)
    arcs: dict[tuple[str, str], int] = field(default_factory=dict)
    dropped: int = 0
    drops: dict[str, int] = field(default_factory=dict)

    @property
    def outputs(self) -> list[Output]:
        """The rows as `Output`s, in input order."""
        return [Output._make(row) for row in self.rows]
