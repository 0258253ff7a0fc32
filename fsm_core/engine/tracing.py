"""One record's way as the host sees it: where it ended and with what, and the last line of its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fsm_core.engine.batch import SOURCE, Failure, Headers
from fsm_core.engine.delivery import Outcome, leaves
from fsm_core.engine.tally import Tally
from fsm_core.engine.walk import Walk


@dataclass(frozen=True, slots=True)
class Trace:
    """One record through the interpreter: `end` is None if it failed before one, `data` is the last data.

    `outputs`: the data of every child where it fanned out, else None.
    """

    end: str | None
    data: dict[str, Any]
    path: tuple[str, ...]
    failure: Failure | None
    outcome: str | None
    route: str | None = None
    outputs: list[dict[str, Any]] | None = None


def trace_of(outcome: Outcome, walk: Walk) -> Trace:
    """The trace of a record that was walked and settled."""
    last = outcome.walk or walk
    end = last.end
    outputs = None if walk.children is None else [leaf.state.data for leaf in leaves(walk)]
    return Trace(outcome.end, last.state.data, last.whole, outcome.failure, None if end is None else end.outcome or "output",
                 None if end is None else end.route, outputs)


def last_step(tally: Tally) -> dict[str, Any]:
    """How the only record of a tally ended."""
    last: dict[str, Any] = {"end": tally.ends[0], "outputs": [_sent(*row[1:]) for row in tally.rows]}
    if tally.failures:
        failure = tally.failures[0][1]
        last["failure"] = {"reason": failure.reason, "state": failure.state, "function": failure.function,
                           "error": failure.error, "message": failure.message}
    return last


def _sent(route: str | None, value: bytes | None, key: Any, headers: Headers | None, timestamp: int | None) -> dict[str, Any]:
    """An output: its value as text, and what its end says beside it. `timestamp` becomes seconds."""
    said = {"value": "null" if value is None else value.decode("utf-8", "replace"), "route": route, "headers": headers and {name: text.decode() for name, text in headers},
            "timestamp": None if timestamp is None else timestamp / 1000}
    return {**{name: one for name, one in said.items() if one is not None}, **({} if key is SOURCE else {"key": None if key is None else key.decode()})}
