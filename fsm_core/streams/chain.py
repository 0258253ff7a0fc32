"""Machines one behind the other in one stream: what a stage puts out goes into the next, with no file between them.

A chunk goes through all stages before it is written, so one stream's limits hold for the whole chain. A record that ends
in an error, is dropped or fails leaves the chain there, and keeps the position that it had in the source.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fsm_core.engine.batch import Failure
from fsm_core.engine.codec import JSON, TEXT
from fsm_core.streams.config import CoreStreamConfig
from fsm_core.streams.lines import Chunk, Lines
from fsm_core.streams.process import Done, MachineJob, Plan, Recipe, Row
from fsm_core.streams.progress import Tally
from fsm_core.streams.stream import Request, Stream, config_of

if TYPE_CHECKING:
    from fsm_core.engine.machine import Machine

_APART = Plan(blob=False, rejects_apart=True)


class Stage(NamedTuple):
    """One machine of a chain, and how another process makes it."""

    machine: Machine
    recipe: Recipe


class Staged(Protocol):
    """What can be a part of a chain: an AsyncSimpleFSM, or a chain."""

    @property
    def stages(self) -> tuple[Stage, ...]: ...


class Part(NamedTuple):
    """What one stage did with a chunk."""

    records: int
    dropped: int
    ends: Counter[str]
    seconds: float


@dataclass(slots=True)
class ChainDone(Done):
    """A chunk after the whole chain. `left`: at which stage a failed record failed, by its index."""

    parts: list[Part] = field(default_factory=list)
    left: dict[int, int] = field(default_factory=dict)


class Chain:
    """`cleaner | processor`: the stages as one, from a source to a sink."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        if not stages:
            raise ValueError("a chain needs a stage")
        self.stages = tuple(stages)
        self.last_summary: dict[str, Any] | None = None

    def __or__(self, other: Staged) -> Chain:
        return Chain(self.stages + other.stages)

    async def process_stream(
        self, source: Any, sink: Any = None, chunk_size: int | None = None, on_progress: Any = None,
        error_sink: Any = None, dead_letter: Any = None, append: bool = False, input_format: str = "auto",
        output_format: str = "auto", config: CoreStreamConfig | None = None,
    ) -> dict[str, Any]:
        """As of one machine, from the first stage's input to the last one's output; `stages` has each one's summary.

        Error ends of every stage go to `error_sink` if given, else to `sink`. A dead letter holds the record as the
        source gave it, so that the same chain can take it again; its states are named `stage/state`.
        """
        request = Request(source, sink, error_sink, dead_letter, append, input_format, output_format, on_progress)
        stream = ChainStream(self.stages, request, config_of(chunk_size, config))
        try:
            return await stream.run()
        finally:
            self.last_summary = stream.summary


class ChainStream(Stream):
    """A stream whose chunks go through several machines."""

    def __init__(self, stages: tuple[Stage, ...], request: Request, config: CoreStreamConfig) -> None:
        self._stages = stages
        super().__init__(*stages[-1], request, config)
        self._pipeline.tally = ChainTally(stages)

    def _jobs(self, machine: Machine, recipe: Recipe, plan: Plan, text: bool) -> tuple[ChainJob, ChainBlueprint]:
        recipes = tuple(stage.recipe._replace(text=text and at == 0) for at, stage in enumerate(self._stages))
        bound = [stage.machine.bind(failure_values=True, codec=TEXT if text and at == 0 else JSON) for at, stage in enumerate(self._stages)]
        names = names_of(self._stages)
        return ChainJob(bound, names, plan), ChainBlueprint(recipes, names, plan)


class ChainJob:
    """A chunk through every stage."""

    def __init__(self, machines: list[Machine], names: list[str], plan: Plan) -> None:
        self._steps = [MachineJob(machine, _APART) for machine in machines]
        self._names, self._plan = names, plan
        self.is_async = any(step.is_async for step in self._steps)
        self.is_closed = all(step.is_closed for step in self._steps)

    def run(self, chunk: Chunk) -> ChainDone:
        """Where no stage waits."""
        walk = _Walk(chunk)
        for name, step in zip(self._names, self._steps, strict=True):
            started = time.perf_counter()
            done = step.run(walk.items)
            walk.take(name, done, time.perf_counter() - started)
        return walk.finish(self._plan)

    async def run_async(self, chunk: Chunk) -> ChainDone:
        """Where some stage waits."""
        walk = _Walk(chunk)
        for name, step in zip(self._names, self._steps, strict=True):
            started = time.perf_counter()
            done = await step.run_async(walk.items)
            walk.take(name, done, time.perf_counter() - started)
        return walk.finish(self._plan)


class ChainBlueprint(NamedTuple):
    """The recipe of each stage, and what is to become of each chunk."""

    recipes: tuple[Recipe, ...]
    names: list[str]
    plan: Plan

    def job(self) -> ChainJob:
        """The job, made anew."""
        return ChainJob([recipe.machine() for recipe in self.recipes], self.names, self.plan)


class _Walk:
    """A chunk on its way through the stages; `items` is what the next stage gets."""

    def __init__(self, chunk: Chunk) -> None:
        items = chunk.records() if isinstance(chunk, Lines) else chunk
        self.items = self._source = items
        self._where: Sequence[int] = range(len(items))  # of each item, its index in the source's chunk
        self._done = ChainDone(len(items))
        self._rows: list[Row] = []
        self._rejects: list[Row] = []

    def take(self, name: str, got: Done, seconds: float) -> None:
        """The stage `name` is done with `items`."""
        where, done = self._where, self._done
        for index, failure, _ in got.failures:
            source = where[index]
            done.left[source] = len(done.parts)
            done.failures.append((source, _placed(name, failure), bytes(self._source[source])))
        self._rejects += [(where[index], route, value) for index, route, value in got.rejects]
        first = not done.parts  # its indexes are the source's
        self._rows = got.rows if first else [(where[index], route, value) for index, route, value in got.rows]
        done.dropped += got.dropped
        done.parts.append(Part(got.count, got.dropped, got.ends, seconds))
        self._where = [row[0] for row in self._rows]
        self.items = [row[2] for row in self._rows]

    def finish(self, plan: Plan) -> ChainDone:
        """The chunk as the writer wants it: in the order of the source."""
        done, rows = self._done, self._rows
        done.failures.sort(key=lambda f: f[0])
        self._rejects.sort(key=lambda r: r[0])
        if plan.rejects_apart:
            done.rejects = self._rejects
        elif self._rejects:
            rows = sorted(rows + self._rejects, key=lambda r: r[0])
        if plan.blob:
            done.blob = b"".join([row[2] + b"\n" for row in rows])
        else:
            done.rows = rows
        return done


class ChainTally(Tally):
    """The counts of a chain, and of each of its stages."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self._stages = stages
        self._names = names_of(stages)
        self._each = [Tally() for _ in stages]
        self._seconds = [0.0 for _ in stages]

    def add(self, done: Done, first: int) -> None:
        """Count a written chunk; what only the sink refused is the last stage's failure."""
        assert isinstance(done, ChainDone)  # a chain's runner makes no other
        last = len(self._each) - 1
        for at, part in enumerate(done.parts):
            own = [f for f in done.failures if done.left.get(f[0], last) == at]
            self._each[at].add(Done(part.records, part.dropped, part.ends, failures=own), first)
            self._seconds[at] += part.seconds
            states = self._stages[at].machine.definition.states
            done.ends.update({f"{self._names[at]}/{end}": n for end, n in part.ends.items()
                              if at == last or states[end].outcome != "output"})
        super().add(done, first)

    def summary(self) -> dict[str, Any]:
        """The chain's own summary; a stage's `duration` is the time in its machine, summed over processes."""
        each = []
        for name, tally, seconds in zip(self._names, self._each, self._seconds, strict=True):
            speed = tally.records / seconds if seconds else 0.0
            each.append({"name": name, **tally.summary(), "duration": seconds, "throughput": speed})
        return super().summary() | {"stages": each}


def names_of(stages: Sequence[Stage]) -> list[str]:
    """What the stages are called: as their machines, numbered where two are called the same."""
    names: list[str] = []
    for stage in stages:
        name = plain = stage.machine.definition.name
        at = 1
        while name in names:
            at += 1
            name = f"{plain}-{at}"
        names.append(name)
    return names


def _placed(stage: str, failure: Failure) -> Failure:
    """The failure with its states named `stage/state`."""
    state = stage if failure.state is None else f"{stage}/{failure.state}"
    return replace(failure, state=state, path=tuple(f"{stage}/{name}" for name in failure.path))
