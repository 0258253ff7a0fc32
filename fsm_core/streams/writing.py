"""Puts a processed chunk where it belongs: outputs by route, error ends, dead letters."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from fsm_core.engine.batch import Failure
from fsm_core.errors import SinkError
from fsm_core.streams.deadletter import DeadLetters
from fsm_core.streams.process import Done, Plan, Row
from fsm_core.streams.sinks import LinesSink, Sink, sink_of

if TYPE_CHECKING:
    from fsm_core.definition import Definition


class Writer:
    """The sinks of one stream. `write` returns when everything of a chunk is written."""

    def __init__(self, sink: Any, error_sink: Any, dead_letter: Any, *, definition: Definition, append: bool,
                 output_format: str, most: int) -> None:
        self._routed = isinstance(sink, Mapping)
        given = dict(sink) if isinstance(sink, Mapping) else {None: sink}
        if self._routed:
            _require_routes(given, definition)
        self._sinks: dict[str | None, Sink] = {}
        self._errors: Sink | None = None
        for route, target in given.items():
            self._sinks[route] = sink_of(target, output_format, append, most)
        if error_sink is not None:
            self._errors = sink_of(error_sink, output_format, append, most)
        self._dead = DeadLetters(dead_letter or _beside(sink), append, most)
        only = self._sinks.get(None)
        plain = type(only) is LinesSink and not self._routed
        self.plan = Plan(blob=plain, rejects_apart=self._errors is not None or None not in self._sinks)

    async def write(self, done: Done, first: int) -> None:
        """Write a chunk; what a sink refuses becomes a failure of `done`."""
        if done.blob is not None:
            only = self._sinks[None]
            assert isinstance(only, LinesSink)  # the plan asks for a blob only then
            if done.blob:
                only.write_blob(done.blob)
        for route, rows in groupby(done.rows, key=self._target):
            await self._rows(self._sinks[route], list(rows), done)
        if done.rejects and self._errors is not None:
            await self._rows(self._errors, done.rejects, done)
        if done.failures:
            homeless = self._errors is None and None not in self._sinks
            await self._dead.write(first, [f for f in done.failures if f[1].reason != "rejected" or homeless])

    def _target(self, row: Row) -> str | None:
        return row[1] if self._routed and row[1] in self._sinks else None

    async def _rows(self, sink: Sink, rows: list[Row], done: Done) -> None:
        for at, message in await sink.write([row[2] for row in rows]):
            index, _, value = rows[at]
            done.failures = [f for f in done.failures if f[0] != index]
            done.failures.append((index, Failure("unencodable", message=message), value))

    async def close(self) -> None:
        """Close every sink, also when one of them cannot be."""
        problem: BaseException | None = None
        for sink in (*self._sinks.values(), self._errors, self._dead):
            try:
                if sink is not None:
                    await sink.close()
            except Exception as error:  # noqa: BLE001 - raised below, once the others are closed
                problem = problem or error
        if problem is not None:
            raise problem


def _beside(sink: Any) -> str | None:
    if isinstance(sink, (str, os.PathLike)) and os.fspath(sink) != "-":
        return f"{os.fspath(sink)}.dead.jsonl"
    return None


def _require_routes(given: dict[Any, Any], definition: Definition) -> None:
    ends = [s for s in definition.states.values() if s.is_end and s.outcome in (None, "output")]
    missing = {s.route for s in ends} - set(given)
    if missing and None not in given:
        raise SinkError(f"no sink for the route {', '.join(sorted(map(str, missing)))} of {definition.name}")


def refuse_overlap(source: Any, targets: list[Any]) -> None:
    """A file that is read cannot be written, and none can be written twice."""
    seen: dict[str, str] = {}
    for what, target in [("source", source), *(("sink", t) for t in targets)]:
        if not isinstance(target, (str, os.PathLike)) or os.fspath(target) == "-":
            continue
        path = os.path.realpath(os.fspath(target))
        if path in seen and not (path.startswith("/dev/")):
            raise SinkError(f"{os.fspath(target)} is both {seen[path]} and {what} of the stream")
        seen[path] = what


def targets_of(sink: Any, error_sink: Any, dead_letter: Any) -> list[Any]:
    """Everything that a stream writes to."""
    many = list(sink.values()) if isinstance(sink, Mapping) else [sink]
    return [*many, error_sink, dead_letter or _beside(sink)]
