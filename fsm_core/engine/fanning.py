"""Generated code for a state that fans out, where all children are there before the first walks on."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from fsm_core.definition import Code
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.branches import Branches
from fsm_core.engine.finite import Verdict
from fsm_core.engine.points import Point
from fsm_core.engine.record import Record
from fsm_core.engine.source import Flow


class Fanning(Branches):
    """The part of a walk that writes the children of a fan-out."""

    _joins: frozenset[Point] | None

    def in_region(self, flow: Flow, begin: Callable[[Flow], None], spread: Point | None = None) -> None:
        """The walk of one record, or of the children that a fan-out at the point `spread` makes; `TooLarge` if they come back there."""
        raise NotImplementedError

    def leave(self, here: StateDefinition, flow: Flow) -> None:
        """Go on from a state that was entered."""
        raise NotImplementedError

    def leaf(self, flow: Flow, drop: str | None = None) -> int:
        """The number of the piece of a path that ends here."""
        raise NotImplementedError

    def count(self, flow: Flow, number: int | None) -> None:
        """One more record ended here, with a piece of a path of that number; None: after its children, whose pieces are all there is."""
        raise NotImplementedError

    def leave_loop(self, flow: Flow) -> None:
        """Leave the loop over the blocks, if there is one."""
        raise NotImplementedError

    def items(self, here: StateDefinition, flow: Flow) -> tuple[str, Flow]:
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

    def spread(self, here: StateDefinition, items: str, flow: Flow) -> None:
        """The children of a fan-out, one by one; nothing is handed out before all of them are through."""
        write, mine = self._source.line, self._source.name("st")
        fields = self._steps.children(here.fan_out, flow.record.unsafe) if isinstance(here.fan_out, Code) else None
        flow = self.begun(self.settled(flow))
        write(flow, f"{mine} = {'None' if flow.lent is False else '_st'}")
        write(flow, f"for _d in {items}:")
        inside = replace(flow.deeper(), path=(), arcs=(), trail=True, child=True)
        inside = replace(inside, record=self._child_record(fields, inside))
        if flow.lent is not False or self._joins is not None:
            write(inside, f"_st = _child({mine}, _d, _meta_of(_i), _now)")
        self.in_region(inside, lambda at: self.leave(here, at), (here.name, flow.stack))
        self.ended(here, flow)

    def begun(self, flow: Flow) -> Flow:
        """Before the first child."""
        if not flow.child:
            self._source.line(flow, "_rows = []; _end = None; _z = 0")
        self._source.line(flow, f"_walk({self.leaf(flow)})")
        return flow

    def ended(self, here: StateDefinition, flow: Flow) -> None:
        """After the last child."""
        write = self._source.line
        if flow.child:
            write(flow, f"if _end is None: _end = {here.name!r}")
        else:
            write(flow, "if not _rows: raise _Unusual  # one drop, however many children")
            write(flow, "_extend(_rows)")
            write(flow, f"_ends[_i] = _end or {here.name!r}")
            self.count(flow, None)
        self.leave_loop(flow)

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

    def settled(self, flow: Flow) -> Flow:
        """Message and error under names that the children's blocks do not write."""
        return replace(flow, message=self._kept(flow.message, flow), error=self._kept(flow.error, flow))

    def _kept(self, atom: ast.expr, flow: Flow) -> ast.expr:
        if not (isinstance(atom, ast.Name) and atom.id in ("_msg", "_err")):
            return atom
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {atom.id}")
        return ast.Name(local, ast.Load())
