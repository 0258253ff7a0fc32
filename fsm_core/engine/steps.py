"""Generated code for what a state does to a record: validate, transform, set."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial

from fsm_core.definition import Assign, Code, Definition, Rules
from fsm_core.engine.finite import verdict
from fsm_core.engine.functions import Functions, StateFunction
from fsm_core.engine.fusing import RECORD, NotFusable, fuse, template_tree
from fsm_core.engine.inlining import text_of
from fsm_core.engine.language import prepared_tree
from fsm_core.engine.reading import build, read
from fsm_core.engine.record import Record
from fsm_core.engine.rules import broken_rules
from fsm_core.engine.source import Flow, Source
from fsm_core.engine.updates import become, extends, items_of, update, write


class Steps:
    """Writes the steps of states and arcs into a source. Each returns what is known after it."""

    def __init__(self, source: Source, functions: Functions, definition: Definition) -> None:
        self._source, self._functions, self._definition = source, functions, definition
        self._globals = frozenset(functions.names) - {"__builtins__"}

    def fused(self, code: Code) -> ast.expr | None:
        """The code as an expression over `_d`, None if it has to be called."""
        if code.kind == "callable":
            return None
        try:
            return fuse(prepared_tree(code, self._definition), self._globals, code.kind == "formula")
        except NotFusable:
            return None

    def text(self, tree: ast.expr, flow: Flow, sure: bool = True) -> tuple[str, Flow]:
        """The expression as it is written at this point. `sure`: it is evaluated whatever happens."""
        tree, flow = read(tree, self._source, flow, sure)
        return text_of(tree, self._source), flow

    def called(self, function: StateFunction, flow: Flow) -> tuple[str, Flow]:
        """Call a function as it is. It may keep or change the record, which is ours no longer."""
        flow = self.lend(flow)
        return f"{self._source.hold('f', function)}(_st)", flow

    def lend(self, flow: Flow) -> Flow:
        """Make `_st` show the record as it is now."""
        flow = build(self._source, flow)
        self._source.line(flow, "_st.data = _d" if flow.lent else "_st = _State(_d, _meta_of(_i), _now)")
        return replace(flow, lent=True, record=Record(own=False, clean=False, dirty=flow.record.dirty))

    def returned(self, flow: Flow) -> None:
        """The record is what the function that was called left."""
        self._record(flow, "_st.data")

    def _record(self, flow: Flow, text: str) -> None:
        self._source.line(flow, f"_d = {text}")
        self._source.line(flow, "if _d.__class__ is not dict: raise _Unusual")

    def validate(self, rule: Code | Rules, flow: Flow) -> Flow:
        """Leave for the interpreter unless the verdict is good."""
        if isinstance(rule, Rules):
            flow = build(self._source, flow)
            self._source.line(flow, f"if {self._source.hold('r', partial(broken_rules, rule))}(_d): raise _Unusual")
            return flow
        tree = self.fused(rule)
        text, flow = self.called(self._functions.of(rule), flow) if tree is None else self.text(tree, flow)
        self._source.line(flow, f"_v = {text}")
        if tree is None:
            self.returned(flow)
        self._source.line(flow, "if _v is not True and (_v.__class__ is not list or _v): raise _Unusual")
        return flow

    def transform(self, code: Code, flow: Flow) -> Flow:
        """The record becomes what the code returns."""
        tree = self.fused(code)
        if tree is None:
            text, flow = self.called(self._functions.of(code), flow)
            self._record(flow, text)
            return flow
        if isinstance(tree, ast.Name) and tree.id == RECORD:
            return flow
        items = items_of(tree, flow.record)
        if items is not None:
            return update(items, self._source, flow) if extends(tree, flow.record) else become(items, self._source, flow)
        tree, flow = read(tree, self._source, flow)
        self._record(flow, text_of(tree, self._source))
        return replace(flow, record=Record(own=isinstance(tree, ast.Dict), clean=verdict(tree, flow.record.unsafe) == "safe"))

    def assign(self, assign: Assign, flow: Flow) -> Flow:
        """One line of `set`."""
        tree = template_tree(assign.template)
        if isinstance(tree, Code):
            tree = self.fused(tree)
        if tree is None:
            call, flow = self.called(self._functions.template(assign.template), flow)
            local = self._source.name("t")
            self._source.line(flow, f"{local} = {call}")
            self.returned(flow)
            flow = replace(flow, record=replace(flow.record, dirty=flow.record.dirty | {local}))
            tree = ast.Name(local, ast.Load())
        return write(assign.path, tree, self._source, flow)
