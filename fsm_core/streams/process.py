"""One chunk's life: values in, what is to be written and counted out. The same in the caller's process and in others."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fsm_core.definition import Code
from fsm_core.engine.batch import BatchResult, Failure
from fsm_core.engine.codec import JSON, TEXT
from fsm_core.engine.interpreter import codes_of
from fsm_core.streams.blocks import Broken
from fsm_core.streams.lines import Chunk, Lines
from fsm_core.streams.progress import KEPT_ERRORS

if TYPE_CHECKING:
    from fsm_core.engine.machine import Machine

Row = tuple[int, str | None, bytes]
"""Index in the chunk, route, value."""
Failed = tuple[int, Failure, bytes]
"""Index in the chunk, why, the bytes of the record."""
_INDEX = itemgetter(0)


@dataclass(slots=True)
class Done:
    """A chunk after the machine. Indexes count from the chunk's start.

    `blob`: the rows as JSON lines, where the sink is one such file; else `rows` has them.
    `failures`: with the bytes the record had; those of a rejected record are what its end state made of it.
    `unlisted`: rejected records that are in no list: they are written already, and enough of them are listed.
    """

    count: int
    dropped: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    blob: bytes | bytearray | None = None
    rows: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    unlisted: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a chunk is to be laid out: as one blob of lines, and whether error ends go where outputs go."""

    blob: bool
    rejects_apart: bool

    @property
    def settles_rejects(self) -> bool:
        """Whether a rejected record is only to be counted once the chunk is laid out."""
        return self.blob and not self.rejects_apart


def ready(chunk: Chunk) -> tuple[int, list[bytes], list[int], list[Failed]]:
    """How many records there are, those that the machine can read, the index of each (empty: all are), the failures of the others."""
    if isinstance(chunk, Lines):
        values = chunk.records()
        return len(values), values, [], []
    if set(map(type, chunk)) <= {bytes}:
        return len(chunk), chunk, [], []
    values = []
    indexes: list[int] = []
    failures: list[Failed] = []
    for index, item in enumerate(chunk):
        if isinstance(item, Broken):
            failures.append((index, Failure("malformed", message=item.message), bytes(item)))
        else:
            values.append(item)
            indexes.append(index)
    return len(chunk), values, indexes, failures


class Job(Protocol):
    """What is done with every chunk. One that waits (`is_async`) runs by `run_async` alone."""

    @property
    def is_async(self) -> bool: ...

    @property
    def is_closed(self) -> bool:
        """Whether nothing outside the document is called: such a job may be copied into another process as it is."""
        ...

    def run(self, chunk: Chunk) -> Done: ...

    async def run_async(self, chunk: Chunk) -> Done: ...


class Blueprint(Protocol):
    """How another process makes the same job."""

    def job(self) -> Job: ...


class MachineJob:
    """A chunk through one machine. Chunks come in the order of the source, if not all of them."""

    def __init__(self, machine: Machine, plan: Plan) -> None:
        self._machine, self._plan = machine, plan
        self._listed = 0
        self.is_async = machine.is_async
        self.is_closed = not calls_out(machine)

    def run(self, chunk: Chunk) -> Done:
        """A chunk through a machine that never waits."""
        count, values, indexes, failures = ready(chunk)
        return self._done(self._machine.run(values), count, values, indexes, failures)

    async def run_async(self, chunk: Chunk) -> Done:
        """A chunk through a machine that has async functions."""
        count, values, indexes, failures = ready(chunk)
        return self._done(await self._machine.run_async(values), count, values, indexes, failures)

    def _done(self, result: BatchResult, count: int, values: list[bytes], indexes: list[int], failures: list[Failed]) -> Done:
        done = Done(count, result.dropped, _ends(result), failures=failures)
        rejects: list[Row] = []
        settled = self._plan.settles_rejects and self._listed >= KEPT_ERRORS
        for at, failure in result.failures:
            index = indexes[at] if indexes else at
            rejected = failure.reason == "rejected"
            if rejected and failure.value is not None:
                rejects.append((index, None, failure.value))
            if rejected and settled:
                done.unlisted += 1
            else:
                failures.append((index, failure, values[at]))
        failures.sort(key=_INDEX)
        self._listed += len(failures)
        _lay_out(done, result, indexes, rejects, self._plan)
        return done


class Recipe(NamedTuple):
    """How a process makes the machine; functions must be importable by name to get there."""

    source: Any
    trusted: bool | None
    functions: Any
    params: Any
    text: bool

    def machine(self) -> Machine:
        """The machine, bound as streams want it."""
        from fsm_core.loading import load  # here, so that a process pays for it when it starts

        made: Machine = load(self.source, self.trusted, self.functions, self.params)
        return made.bind(failure_values=True, codec=TEXT if self.text else JSON)


class MachineBlueprint(NamedTuple):
    """A recipe and what is to become of each chunk."""

    recipe: Recipe
    plan: Plan

    def job(self) -> MachineJob:
        """The job, made anew."""
        return MachineJob(self.recipe.machine(), self.plan)


def calls_out(machine: Machine) -> bool:
    """Whether a state or an arc calls a function that the host gave."""
    return any(isinstance(code, Code) and code.kind == "callable" for code in codes_of(machine.definition))


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
