"""The ways through a machine as generated code: straight where they fork, blocks of a loop where they come together.

A region is the walk of one record, or of one child of a fan-out. Where it has blocks it is `while True:` over a number `_b`:
a block ends by naming the next one, or by leaving the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from fsm_core.definition import Definition
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.ending import Endings
from fsm_core.engine.points import Point, caught_by
from fsm_core.engine.reading import build
from fsm_core.engine.record import Record
from fsm_core.engine.source import Flow, Source, TooLarge
from fsm_core.engine.steps import Steps
from fsm_core.engine.streaming import Streams

_DEEP = 30


@dataclass(frozen=True, slots=True)
class Leaf:
    """A piece of a path up to an end or to the next block; the generated function counts how many records took it."""

    path: tuple[str, ...]
    arcs: tuple[tuple[str, str], ...]
    drop: str | None = None


@dataclass(slots=True)
class Region:
    """One loop over blocks. `joins`: the points that have to be blocks of it; None: there is no loop."""

    joins: frozenset[Point] | None
    spread: tuple[Point, ...] = ()
    depth: int = 0
    numbers: dict[Point, int] = field(default_factory=lambda: {("", ()): 0})
    todo: list[Point] = field(default_factory=list)


class Walking(Streams):
    """Writes the walk of records through one machine."""

    def __init__(self, definition: Definition, source: Source, steps: Steps, endings: Endings, cyclic: frozenset[str],
                 joins: frozenset[Point] | None, again: Callable[[StateDefinition], object]) -> None:
        self._definition, self._source, self._steps, self._endings = definition, source, steps, endings
        self._cyclic, self._joins, self._again = cyclic, joins, again
        self._region = Region(joins)
        self.leaves: list[Leaf] = []
        self.counted: list[int] = []
        self.usual = next((s.name for s in definition.states.values() if s.is_end and s.outcome in (None, "output")), None)

    def write(self, start: Point, flow: Flow) -> None:
        """A whole region: from a point to wherever its records end."""
        self.in_region(flow, lambda inside: self.enter(start, inside, first=True))

    def in_region(self, flow: Flow, begin: Callable[[Flow], None], spread: Point | None = None) -> None:
        """See `Fanning`."""
        before = self._region
        if spread in before.spread:
            raise TooLarge("a fan-out that its own children come back to")
        self._region = Region(self._joins, before.spread if spread is None else (*before.spread, spread))
        if self._joins is None:
            begin(flow)
            self._region = before
            return
        blocks = [self._block(lambda: begin(replace(flow, depth=0)))]
        while self._region.todo:
            point = self._region.todo.pop(0)
            blocks.append(self._block(partial(self.enter, point, self._anew(flow), first=True)))
        self._source.line(flow, "_b = 0")
        self._source.line(flow, "while True:")
        self._dispatch(blocks, 0, flow.depth + 1)
        self._region = before

    def _block(self, begin: Callable[[], None]) -> list[str]:
        """The lines of one block, not yet indented."""
        before, self._source.lines = self._source.lines, []
        begin()
        made, self._source.lines = self._source.lines, before
        return made

    def _dispatch(self, blocks: list[list[str]], first: int, depth: int) -> None:
        """Find the block of a number by halves."""
        lines, indent = self._source.lines, "    " * depth
        if len(blocks) == 1:
            lines += [indent + line for line in blocks[0]]
            return
        half = len(blocks) // 2
        lines.append(f"{indent}if _b < {first + half}:")
        self._dispatch(blocks[:half], first, depth + 1)
        lines.append(f"{indent}else:")
        self._dispatch(blocks[half:], first + half, depth + 1)

    def _anew(self, flow: Flow) -> Flow:
        """What is known where a block begins."""
        return Flow(0, record=Record(own=False, clean=False), lent=None, trail=True, child=flow.child,
                    message=ast.Name("_msg", ast.Load()), error=ast.Name("_err", ast.Load()))

    def enter(self, point: Point, flow: Flow, first: bool = False) -> None:
        """Go on at a point: here, or in a block of its own."""
        joins = self._region.joins
        if joins is None and flow.depth > _DEEP + 30:
            raise TooLarge("more branches inside each other than are worth straight code")
        if joins is not None and not first and (point in joins or flow.depth > _DEEP):
            self._jump(point, flow)
        else:
            self._state(self._definition.states[point[0]], replace(flow, path=(*flow.path, point[0]), stack=point[1], lets={}))

    def _jump(self, point: Point, flow: Flow) -> None:
        region = self._region
        if point not in region.numbers:
            region.numbers[point] = len(region.numbers)
            region.todo.append(point)
        flow = build(self._source, flow)
        for name, atom in (("_msg", flow.message), ("_err", flow.error)):
            if ast.unparse(atom) != name:
                self._source.line(flow, f"{name} = {ast.unparse(atom)}")
        self._source.line(flow, f"_walk({self.leaf(flow)})")
        self._source.line(flow, f"_b = {region.numbers[point]}  # {point[0]}")
        self._source.line(flow, "continue")

    def leaf(self, flow: Flow, drop: str | None = None) -> int:
        """See `Fanning`."""
        self.leaves.append(Leaf(flow.path, flow.arcs, drop))
        return len(self.leaves) - 1

    def _state(self, here: StateDefinition, flow: Flow) -> None:
        """Enter a state and go on from there."""
        self._source.line(flow, f"# {here.name}")
        self._steps.state = here.name
        if here.name in self._cyclic:
            self._source.line(flow, "_c += 1")
            self._source.line(flow, f"if _c > {self._definition.max_transitions}: raise _Unusual")
        catches = bool(caught_by(here)) and self._steps.is_fused(here)
        if self.streams(here, flow):
            self.stream(here, flow, catches)
        elif catches:
            self.guarded(here, flow)
        elif here.fan_out is not None:
            self.spread(here, *self.items(here, self._steps.enter(here, flow)))
        else:
            self.leave(here, self._steps.enter(here, flow))

    def leave(self, here: StateDefinition, flow: Flow) -> None:
        """See `Fanning`."""
        if not here.is_end:
            self.branch(self._definition.arcs_from(here.name), flow)
        elif here.returns and flow.stack:
            self._return(here, flow)
        else:
            self._finish(here, flow)

    def _return(self, here: StateDefinition, flow: Flow) -> None:
        target, stack = flow.stack[0], flow.stack[1:]
        self.enter((target, stack), replace(flow, arcs=(*flow.arcs, (here.name, target))))

    # Ends

    def _finish(self, end: StateDefinition, flow: Flow) -> None:
        """Hand the record out, then count: nothing after the first append can raise."""
        drop = end.reason or end.name if end.outcome == "drop" else None
        if end.outcome == "error":
            flow = self._endings.reject(end, flow)
            if flow.child:
                return
        elif drop is None:
            flow = self._endings.output(end, flow)
        write = self._source.line
        if flow.child:
            write(flow, f"if _end is None: _end = {end.name!r}")
            write(flow, f"_walk({self.leaf(flow)})")
        else:
            if end.name != self.usual:
                write(flow, f"_ends[_i] = {end.name!r}")
            self.count(flow, self.leaf(flow, drop))
        self.leave_loop(flow)

    def count(self, flow: Flow, number: int | None) -> None:
        """See `Fanning`."""
        if number is not None:
            self.counted.append(number)
            self._source.line(flow, f"_n{number} += 1")

    def leave_loop(self, flow: Flow) -> None:
        """See `Fanning`."""
        if self._region.joins is not None:
            self._source.line(flow, "break")


class AskingWalking(Walking):
    """The walk of a record that may stand still: what it counted is handed over at its end, all at once."""

    def count(self, flow: Flow, number: int | None) -> None:
        """See `Fanning`."""
        self._source.line(flow, "_done(_walks)" if number is None else f"_walk({number}); _done(_walks)")
