"""The ways through a machine as generated code: straight where they fork, blocks of a loop where they come together.

A region is the walk of one record, or of one child of a fan-out. Where it has blocks it is `while True:` over a number `_b`:
a block ends by naming the next one, or by leaving the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from fsm_core.definition import Code, Definition
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.branches import Branches
from fsm_core.engine.ending import Endings
from fsm_core.engine.finite import Verdict
from fsm_core.engine.points import Point, caught_by
from fsm_core.engine.reading import build
from fsm_core.engine.record import Record
from fsm_core.engine.source import NULL, Flow, Source, TooLarge
from fsm_core.engine.steps import Steps

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
    depth: int = 0
    numbers: dict[Point, int] = field(default_factory=lambda: {("", ()): 0})
    todo: list[Point] = field(default_factory=list)


class Walking(Branches):
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
        self._in_region(flow, lambda inside: self.enter(start, inside, first=True))

    def _in_region(self, flow: Flow, begin: Callable[[Flow], None]) -> None:
        before, self._region = self._region, Region(self._joins)
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
        self._source.line(flow, f"_w.append({self._leaf(Leaf(flow.path, flow.arcs))})")
        self._source.line(flow, f"_b = {region.numbers[point]}  # {point[0]}")
        self._source.line(flow, "continue")

    def _leaf(self, leaf: Leaf) -> int:
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def _state(self, here: StateDefinition, flow: Flow) -> None:
        """Enter a state and go on from there."""
        self._source.line(flow, f"# {here.name}")
        self._steps.state = here.name
        if here.name in self._cyclic:
            self._source.line(flow, "_c += 1")
            self._source.line(flow, f"if _c > {self._definition.max_transitions}: raise _Unusual")
        if caught_by(here) and self._steps.is_fused(here):
            self._guarded(here, flow)
        elif here.fan_out is not None:
            self._spread(here, *self._items(here, self._steps.enter(here, flow)))
        else:
            self._leave(here, self._steps.enter(here, flow))

    def _leave(self, here: StateDefinition, flow: Flow) -> None:
        if not here.is_end:
            self.branch(self._definition.arcs_from(here.name), flow)
        elif here.returns and flow.stack:
            self._return(here, flow)
        else:
            self._finish(here, flow)

    def _return(self, here: StateDefinition, flow: Flow) -> None:
        target, stack = flow.stack[0], flow.stack[1:]
        self.enter((target, stack), replace(flow, arcs=(*flow.arcs, (here.name, target))))

    # What a state catches

    def _guarded(self, here: StateDefinition, flow: Flow) -> None:
        """The steps of a state in a `try`; what raises there is settled by the interpreter for this state alone."""
        write, before = self._source.line, self._source.name("d")
        flow = build(self._source, flow)
        write(flow, f"{before} = _d")
        write(flow, "try:")
        inside = self._steps.enter(here, replace(flow.deeper(), record=replace(flow.record, own=False)))
        items = ""
        if here.fan_out is not None:
            items, inside = self._items(here, inside)
        write(inside, "_to = None")
        write(flow, "except _Exception:")
        again = self._source.hold("a", self._again(here))
        write(flow.deeper(), f"_to, _er = {again}({before}, _meta_of(_i), _now, {ast.unparse(flow.message)}, {ast.unparse(flow.error)})")
        write(flow, "if _to is None:")
        inside = replace(inside, depth=flow.depth + 1)
        if here.fan_out is not None:
            self._spread(here, items, inside)
        else:
            self._leave(here, inside)
        self._caught(here, before, flow)

    def _caught(self, here: StateDefinition, before: str, flow: Flow) -> None:
        """The ways that a record takes as it came into the state."""
        targets = caught_by(here)
        for target in targets:
            self._source.line(flow, "else:" if target == targets[-1] else f"elif _to == {target!r}:")
            error, inside = self._source.name("r"), flow.deeper()
            self._source.line(inside, f"_d = {before}; {error} = _er")
            self.enter((target, flow.stack), replace(
                inside, record=replace(flow.record, own=False), error=ast.Name(error, ast.Load()), message=NULL,
                arcs=(*flow.arcs, (here.name, target))))

    # Children

    def _items(self, here: StateDefinition, flow: Flow) -> tuple[str, Flow]:
        """The list of a state that fans out, as the name of a local."""
        code = here.fan_out if isinstance(here.fan_out, Code) else here.transforms[-1]
        if here.fan_out is True:
            for transform in here.transforms[:-1]:
                flow = self._steps.transform(transform, flow)
        text, flow = self._steps.value(code, flow)
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {text}")
        self._source.line(flow, f"if {local}.__class__ is not list: raise _Unusual")
        return local, replace(flow, record=replace(flow.record, dirty=flow.record.dirty | {local}))

    def _spread(self, here: StateDefinition, items: str, flow: Flow) -> None:
        """The children of a fan-out, one by one; nothing is handed out before all of them are through."""
        write, mine = self._source.line, self._source.name("st")
        fields = self._steps.children(here.fan_out, flow.record.unsafe) if isinstance(here.fan_out, Code) else None
        flow = self._settled(build(self._source, flow))
        if not flow.child:
            write(flow, "_rows = []; _end = None" if flow.trail else "_rows = []; _w = []; _end = None")
        write(flow, f"_w.append({self._leaf(Leaf(flow.path, flow.arcs))})")
        write(flow, f"{mine} = {'None' if flow.lent is False else '_st'}")
        write(flow, f"for _d in {items}:")
        inside = replace(flow.deeper(), path=(), arcs=(), trail=True, child=True)
        inside = replace(inside, record=self._child_record(fields, inside))
        if flow.lent is not False or self._joins is not None:
            write(inside, f"_st = _child({mine}, _d, _meta_of(_i), _now)")
        self._in_region(inside, lambda at: self._leave(here, at))
        if flow.child:
            write(flow, f"if _end is None: _end = {here.name!r}")
        else:
            write(flow, "if not _rows: raise _Unusual  # one drop, however many children")
            write(flow, "_extend(_rows); _walks(_w)")
            write(flow, f"_ends[_i] = _end or {here.name!r}")
        self._leave_loop(flow)

    def _child_record(self, fields: dict[str, Verdict] | None, flow: Flow) -> Record:
        """What is known of a child: its fields as locals where the template names them, else that it is an object."""
        if fields is None:
            self._source.line(flow, "if _d.__class__ is not dict: raise _Unusual")
            return Record(own=False, clean=False, dirty=flow.record.dirty)
        locals_ = {name: self._source.name("x") for name in fields}
        for name, local in locals_.items():
            self._source.line(flow, f"{local} = _d[{name!r}]")
            if fields[name] in ("number", "scalar"):
                self._source.line(flow, f"if {local}.__class__ is float and {local} - {local} != 0.0: raise _Unusual")
        dirty = flow.record.dirty | {locals_[name] for name, known in fields.items() if known == "unknown"}
        return Record(closed=True, fields={name: ast.Name(local, ast.Load()) for name, local in locals_.items()}, dirty=dirty)

    def _settled(self, flow: Flow) -> Flow:
        """Message and error under names that the children's blocks do not write."""
        return replace(flow, message=self._kept(flow.message, flow), error=self._kept(flow.error, flow))

    def _kept(self, atom: ast.expr, flow: Flow) -> ast.expr:
        if not (isinstance(atom, ast.Name) and atom.id in ("_msg", "_err")):
            return atom
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {atom.id}")
        return ast.Name(local, ast.Load())

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
            write(flow, f"_w.append({self._leaf(Leaf(flow.path, flow.arcs))})")
        else:
            if end.name != self.usual:
                write(flow, f"_ends[_i] = {end.name!r}")
            if flow.trail:
                write(flow, "_walks(_w)")
            number = self._leaf(Leaf(flow.path, flow.arcs, drop))
            self.counted.append(number)
            write(flow, f"_n{number} += 1")
        self._leave_loop(flow)

    def _leave_loop(self, flow: Flow) -> None:
        if self._region.joins is not None:
            self._source.line(flow, "break")
