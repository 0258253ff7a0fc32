"""The arcs out of a state as generated code: conditions as if … elif … else, a switch as comparisons or as a table."""

from __future__ import annotations

import ast
from dataclasses import replace

from fsm_core.definition import Arc, Definition, Switch, Way
from fsm_core.engine.ending import Endings
from fsm_core.engine.loops import needs_lines
from fsm_core.engine.points import Point, landing
from fsm_core.engine.source import NULL, Flow, Source
from fsm_core.engine.steps import Steps


class Branches:
    """The part of a walk that leaves a state."""

    _definition: Definition
    _source: Source
    _steps: Steps
    _endings: Endings

    def enter(self, point: Point, flow: Flow) -> None:
        """Go on at a point: here, or in a block of its own."""
        raise NotImplementedError

    def branch(self, arcs: tuple[Arc, ...], flow: Flow) -> None:
        """The arcs out of a state, tried one after the other."""
        if not arcs:
            self._source.line(flow, "raise _Unusual")
        elif arcs[0].switch is not None:
            self._switch(arcs[0], arcs[0].switch, arcs[1:], flow)
        else:
            tests, flow = self._tests(arcs, flow)
            for index, (arc, test) in enumerate(zip(arcs, tests, strict=False)):
                if test is None and index == 0:
                    return self._take(arc, Way(arc.target, arc.push), flow)
                self._source.line(flow, "else:" if test is None else f"{'elif' if index else 'if'} {test}:")
                self._take(arc, Way(arc.target, arc.push), flow.deeper())
            if tests[-1] is not None:
                self._source.line(flow, "else:")
                self.branch(arcs[len(tests):], flow.deeper())
        return None

    def _tests(self, arcs: tuple[Arc, ...], flow: Flow) -> tuple[list[str | None], Flow]:
        """The conditions as text, up to one that is always true (None) or that needs lines of its own."""
        tests: list[str | None] = []
        trees: list[ast.expr] = []
        for arc in arcs:
            if arc.switch is not None:
                break
            if arc.condition is None:
                tests.append(None)
                break
            tree, after = self._steps.fused(arc.condition, flow)
            if tree is None or (tests and needs_lines(tree)):
                if not tests:
                    text, flow = self._steps.value(arc.condition, flow)
                    tests.append(text)
                break
            if any(_opposite(known, tree) for known in trees):
                tests.append(None)
                break
            trees.append(tree)
            text, flow = self._steps.text(tree, after, sure=not tests)
            tests.append(text)
        return tests, flow

    def _switch(self, arc: Arc, switch: Switch, rest: tuple[Arc, ...], flow: Flow) -> None:
        """One arc for many: by comparison where there are few cases, else by a table and by halves."""
        text, flow = self._steps.value(switch.on, flow)
        local, write = self._source.name("t"), self._source.line
        write(flow, f"{local} = {text}")
        ways = list(dict.fromkeys(switch.cases.values()))
        if len(switch.cases) > 4:
            table = self._source.hold("c", {case: ways.index(way) for case, way in switch.cases.items()})
            write(flow, f"{local} = {table}.get({local}, -1) if {local}.__class__ is str else -1")
            write(flow, f"if {local} >= 0:")
            self._halves(arc, ways, 0, local, flow.deeper())
        else:
            for index, (case, way) in enumerate(switch.cases.items()):
                write(flow, f"{'elif' if index else 'if'} {local} == {case!r}:")
                self._take(arc, way, flow.deeper(), message=False)
        write(flow, "else:")
        if switch.default is None:
            self.branch(rest, flow.deeper())
        else:
            self._take(arc, switch.default, flow.deeper())

    def _halves(self, arc: Arc, ways: list[Way], first: int, local: str, flow: Flow) -> None:
        if len(ways) == 1:
            return self._take(arc, ways[0], flow, message=False)
        half = len(ways) // 2
        self._source.line(flow, f"if {local} < {first + half}:")
        self._halves(arc, ways[:half], first, local, flow.deeper())
        self._source.line(flow, "else:")
        return self._halves(arc, ways[half:], first + half, local, flow.deeper())

    def _take(self, arc: Arc, way: Way, flow: Flow, message: bool = True) -> None:
        """Go along an arc; a switch's message belongs to its default."""
        said = arc.message if message else None
        if said is None:
            text: ast.expr = NULL
        else:
            text, flow = self._endings.message(said, flow)
        flow = replace(flow, message=text)
        for transform in arc.transforms:
            flow = self._steps.transform(transform, flow)
        target = landing(self._definition, way, flow.stack)
        self.enter(target, replace(flow, arcs=(*flow.arcs, (arc.source, target[0]))))


_OPPOSITES = {ast.Eq: ast.NotEq, ast.In: ast.NotIn, ast.Is: ast.IsNot}


def _opposite(one: ast.expr, other: ast.expr) -> bool:
    """One condition is true exactly where the other is not. `<` and `>=` are no such pair: a NaN is neither."""
    for a, b in ((one, other), (other, one)):
        match a, b:
            case ast.UnaryOp(op=ast.Not(), operand=inner), _ if ast.unparse(inner) == ast.unparse(b):
                return True
            case ast.Compare(left=left, ops=[op], comparators=[right]), ast.Compare(left=left2, ops=[op2], comparators=[right2]):
                if _OPPOSITES.get(type(op)) is type(op2) and ast.unparse(left) == ast.unparse(left2) and (
                        ast.unparse(right) == ast.unparse(right2)):
                    return True
    return False
