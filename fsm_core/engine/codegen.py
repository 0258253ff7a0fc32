"""A network as one Python function over a batch: each path from start to end is straight code.

The interpreter says what is right. Whatever raises here, and whatever is unusual, is run again by it from the raw value.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fsm_core.definition import Arc, Code, Definition
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import SOURCE, Failure
from fsm_core.engine.codec import decode_text, encode, refuse_nonfinite
from fsm_core.engine.ends import Addressing, collect, key_bytes
from fsm_core.engine.functions import Functions
from fsm_core.engine.graph import cyclic_states
from fsm_core.engine.interpreter import codes_of
from fsm_core.engine.reading import build
from fsm_core.engine.source import Flow, Source, TooLarge
from fsm_core.engine.state import MetaSource, State
from fsm_core.engine.steps import Steps
from fsm_core.engine.tally import Tally


class Unusual(Exception):
    """The generated code leaves this record to the interpreter."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One path to one end; the generated function counts how many records took it."""

    path: tuple[str, ...]
    arcs: tuple[tuple[str, str], ...]
    drop: str | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A generated function and the paths that it counts; `usual`: the end that it need not write down."""

    function: Callable[..., tuple[int, ...]]
    leaves: tuple[Leaf, ...]
    text: str
    usual: str | None

    def run(self, values: Sequence[bytes], tally: Tally, interpret: Callable[[int], None],
            meta_of: Callable[[int], MetaSource], now: float) -> None:
        """Run a batch into the tally; `interpret(position)` settles a record that the generated code leaves."""
        def interpreted(position: int) -> str | None:
            interpret(position)
            return tally.ends.pop()

        ends: list[str | None] = [self.usual] * len(values)
        counts = self.function(values, tally.rows.append, tally.failures.append, ends, interpreted, meta_of, now)
        tally.ends = ends
        for leaf, count in zip(self.leaves, counts, strict=True):
            tally.walked(leaf.path, leaf.arcs, count)
            if leaf.drop is not None:
                tally.drop(leaf.drop, count)


def generate(definition: Definition, functions: Functions, ends: dict[str, tuple[Addressing, Code | None]],
             failure_values: bool, text: bool) -> Compiled | None:
    """The compiled machine; None where only the interpreter will do: cycles, functions of the host, too many paths."""
    if cyclic_states(definition) or any(_is_impure(code) for code in codes_of(definition)):
        return None
    try:
        return _Generator(definition, functions, ends, failure_values).generate(text)
    except TooLarge:
        return None


def _is_impure(code: object) -> bool:
    return isinstance(code, Code) and (code.kind == "callable" or isinstance(code.tree, ast.AsyncFunctionDef))


class _Generator:
    """Writes one machine."""

    def __init__(self, definition: Definition, functions: Functions, ends: dict[str, tuple[Addressing, Code | None]],
                 failure_values: bool) -> None:
        self._definition, self._ends, self._failure_values = definition, ends, failure_values
        self._source = Source({**functions.names, "_State": State, "_Unusual": Unusual, "_Exception": Exception,
                               "_loads": orjson.loads, "_dumps": orjson.dumps, "_refuse": refuse_nonfinite, "_text": decode_text,
                               "_SOURCE": SOURCE, "_key_bytes": key_bytes, "_nothing": {}, "_set": set})
        self._steps = Steps(self._source, functions, definition)
        self._functions = functions
        self._leaves: list[Leaf] = []
        self._usual = next((s.name for s in definition.states.values() if s.is_end and s.outcome in (None, "output")), None)

    def generate(self, text: bool) -> Compiled:
        """Write the loop around the paths."""
        write, top = self._source.line, Flow(1)
        write(Flow(0), "def _batch(_values, _row, _fail, _ends, _interpret, _meta_of, _now):")
        zeros = len(self._source.lines)
        write(top, "for _i, _raw in enumerate(_values):")
        write(replace(top, depth=2), "try:")
        body = replace(top, depth=3)
        write(body, "_d = _text(_raw)" if text else "_d = _loads(_raw)")
        if not text:
            write(body, "if _d.__class__ is not dict: raise _Unusual")
        self._state(self._definition.start, body)
        write(replace(top, depth=2), "except _Exception:")
        write(replace(top, depth=3), "_ends[_i] = _interpret(_i)")
        counters = [f"_n{i}" for i in range(len(self._leaves))]
        write(top, f"return ({', '.join(counters)}{',' if counters else ''})")
        if counters:
            self._source.lines.insert(zeros, f"    {' = '.join(counters)} = 0")
        function, written = self._source.build("_batch")
        return Compiled(function, tuple(self._leaves), written, self._usual)

    def _state(self, name: str, flow: Flow) -> None:
        """Enter a state and go on from there."""
        here = self._definition.states[name]
        flow = replace(flow, path=(*flow.path, name))
        for rule in here.validates:
            flow = self._steps.validate(rule, flow)
        for transform in here.transforms:
            flow = self._steps.transform(transform, flow)
        for assign in here.assigns:
            flow = self._steps.assign(assign, flow)
        if here.is_end:
            self._finish(here, flow)
        else:
            self._branch(self._definition.arcs_from(name), flow)

    def _branch(self, arcs: tuple[Arc, ...], flow: Flow) -> None:
        """The arcs out of a state as one if … elif … else."""
        tests, flow, called = self._tests(arcs, flow)
        for index, (arc, test) in enumerate(zip(arcs, tests, strict=False)):
            if test is None and index == 0:
                return self._take(arc, flow)
            self._source.line(flow, "else:" if test is None else f"{'elif' if index else 'if'} {test}:")
            if called:
                self._steps.returned(flow.deeper())
            self._take(arc, flow.deeper())
        if not tests or tests[-1] is not None:
            self._source.line(flow, "else: raise _Unusual" if tests else "raise _Unusual")
        return None

    def _tests(self, arcs: tuple[Arc, ...], flow: Flow) -> tuple[list[str | None], Flow, bool]:
        """The conditions as text, up to the first that is always true (None); whether one of them is called, and all after it."""
        tests: list[str | None] = []
        trees: list[ast.expr] = []
        called = False
        for arc in arcs:
            tree = None if arc.condition is None or called else self._steps.fused(arc.condition)
            if arc.condition is None or (len(trees) == 1 == len(tests) and tree and _opposite(trees[0], tree)):
                tests.append(None)
                break
            if tree is None:
                called = True
                text, flow = self._steps.called(self._functions.of(arc.condition), flow)
            else:
                trees.append(tree)
                text, flow = self._steps.text(tree, flow, sure=not tests)
            tests.append(text)
        return tests, flow, called

    def _take(self, arc: Arc, flow: Flow) -> None:
        for transform in arc.transforms:
            flow = self._steps.transform(transform, flow)
        self._state(arc.target, replace(flow, arcs=(*flow.arcs, (arc.source, arc.target))))

    def _finish(self, end: StateDefinition, flow: Flow) -> None:
        """Hand the record out, then count: nothing after the first append can raise."""
        drop = end.reason or end.name if end.outcome == "drop" else None
        if end.outcome == "error":
            self._reject(end, flow)
        elif drop is None:
            self._output(end, flow)
        if end.name != self._usual:
            self._source.line(flow, f"_ends[_i] = {end.name!r}")
        self._source.line(flow, f"_n{len(self._leaves)} += 1")
        self._leaves.append(Leaf(flow.path, flow.arcs, drop))

    def _output(self, end: StateDefinition, flow: Flow) -> None:
        how, key = self._ends[end.name]
        address = "_SOURCE, None, None"
        tree = None if key is None else self._steps.fused(key)
        if tree is not None:
            text, flow = self._steps.text(tree, flow)
            self._source.line(flow, f"_k = {text}")
            self._source.line(flow, "_k = _k.encode() if _k.__class__ is str else _key_bytes(_k)")
            address = "_k, None, None"
        elif not how.plain:
            text, flow = self._steps.called(_addresser(how), flow)
            self._source.line(flow, f"_k, _h, _ts = {text}")
            self._steps.returned(flow)
            address = "_k, _h, _ts"
        if how.tombstone:
            self._source.line(flow, "_v = None")
        elif flow.record.closed and flow.record.is_clean:
            self._source.line(flow, f"_v = _dumps({flow.record.literal()})")
        else:
            flow = build(self._source, flow)
            self._source.line(flow, "_v = _dumps(_d)")
            if not flow.record.clean:
                self._source.line(flow, "if b'null' in _v: _refuse(_d)")
        self._source.line(flow, f"_row((_i, {end.route!r}, _v, {address}))")

    def _reject(self, end: StateDefinition, flow: Flow) -> None:
        failure = Failure("rejected", end.name, path=flow.path)
        if self._failure_values:
            flow = build(self._source, flow)
            self._source.line(flow, f"_fail((_i, {self._source.hold('e', _rejecter(failure))}(_d)))")
        else:
            self._source.line(flow, f"_fail((_i, {self._source.hold('e', failure)}))")


def _opposite(one: ast.expr, other: ast.expr) -> bool:
    """One condition is the `not` of the other."""
    for a, b in ((one, other), (other, one)):
        if isinstance(a, ast.UnaryOp) and isinstance(a.op, ast.Not) and ast.unparse(a.operand) == ast.unparse(b):
            return True
    return False


def _addresser(how: Addressing) -> Callable[[State], Any]:
    steps = how.steps()
    return lambda state: collect({name: make(state) for name, make in steps})


def _rejecter(failure: Failure) -> Callable[[dict[str, Any]], Failure]:
    return lambda record: Failure("rejected", failure.state, path=failure.path, value=encode(record))
