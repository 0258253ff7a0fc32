"""One chunk's life: values in, what is to be written and counted out. The same in the caller's process and in others."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fsm_core.engine.batch import BatchResult, Failure
from fsm_core.streams.values import Broken, encoded

if TYPE_CHECKING:
    from fsm_core.engine.machine import Machine

Row = tuple[int, str | None, bytes]
"""Index in the chunk, route, value."""
_INDEX = itemgetter(0)


@dataclass(slots=True)
class Done:
    """A chunk after the machine. Indexes count from the chunk's start.

    `blob`: the rows as JSON lines, where the sink is one such file; else `rows` has them.
    `failures`: with the bytes the record had; those of a rejected record are what its end state made of it.
    """

    count: int
    dropped: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    blob: bytes | None = None
    rows: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    failures: list[tuple[int, Failure, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a chunk is to be laid out: as one blob of lines, and whether error ends go where outputs go."""

    blob: bool
    rejects_apart: bool


def ready(items: list[Any]) -> tuple[list[bytes], list[int], list[tuple[int, Failure, bytes]]]:
    """The items that the machine can read, the index of each (empty: all are), and the failures of the others."""
    kinds = set(map(type, items))
    if kinds <= {bytes}:
        return items, [], []
    values: list[bytes] = []
    indexes: list[int] = []
    failures: list[tuple[int, Failure, bytes]] = []
    for index, item in enumerate(items):
        value = encoded(item)
        if isinstance(value, Broken):
            failures.append((index, Failure("malformed", message=value.message), bytes(value)))
        else:
            values.append(value)
            indexes.append(index)
    return values, indexes, failures


async def process_async(machine: Machine, items: list[Any], plan: Plan) -> Done:
    """A chunk through a machine that has async functions."""
    values, indexes, failures = ready(items)
    return _done(await machine.run_async(values), items, values, indexes, failures, plan)


def process(machine: Machine, items: list[Any], plan: Plan) -> Done:
    """A chunk through the machine."""
    values, indexes, failures = ready(items)
    return _done(machine.run(values), items, values, indexes, failures, plan)


def _done(result: BatchResult, items: list[Any], values: list[bytes], indexes: list[int],
          failures: list[tuple[int, Failure, bytes]], plan: Plan) -> Done:
    done = Done(len(items), result.dropped, _ends(result))
    rejects: list[Row] = []
    for at, failure in result.failures:
        index = indexes[at] if indexes else at
        failures.append((index, failure, values[at]))
        if failure.reason == "rejected" and failure.value is not None:
            rejects.append((index, None, failure.value))
    failures.sort(key=lambda f: f[0])
    done.failures = failures
    _lay_out(done, result, indexes, rejects, plan)
    return done


def _ends(result: BatchResult) -> Counter[str]:
    counts: Counter[str | None] = Counter(result.ends)
    return Counter({end: n for end, n in counts.items() if end is not None})


def _lay_out(done: Done, result: BatchResult, indexes: list[int], rejects: list[Row], plan: Plan) -> None:
    if plan.rejects_apart:
        done.rejects, rejects = rejects, []
    if plan.blob:
        done.blob = _blob(result.rows, indexes, rejects)
        return
    rows = [(indexes[r[0]] if indexes else r[0], r[1], r[2] if r[2] is not None else b"null") for r in result.rows]
    done.rows = sorted(rows + rejects, key=_INDEX) if rejects else rows


def _blob(rows: list[tuple[Any, ...]], indexes: list[int], rejects: list[Row]) -> bytes:
    """The rows as lines, each reject among them where its record stood."""
    lines = [b"null" if row[2] is None else row[2] for row in rows]
    for index, _, value in sorted(rejects, key=_INDEX, reverse=True):  # from behind: what is before keeps its place
        at = bisect_left(indexes, index) if indexes else index
        lines.insert(bisect_left(rows, at, key=_INDEX), value)
    lines.append(b"")
    return b"\n".join(lines)
