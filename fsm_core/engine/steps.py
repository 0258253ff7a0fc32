"""Generated code for what a state does to a record, in the order of the language: validate, let, require, transform, …"""

from __future__ import annotations

import ast
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial

from fsm_core.definition import Assign, Code, Host, Let, Rules
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.finite import verdict
from fsm_core.engine.functions import waits
from fsm_core.engine.fusing import RECORD
from fsm_core.engine.inlining import text_of
from fsm_core.engine.logic import Logic
from fsm_core.engine.purity import all_codes
from fsm_core.engine.reading import build, let_go, read
from fsm_core.engine.record import Record
from fsm_core.engine.rules import broken_rules
from fsm_core.engine.source import Flow
from fsm_core.engine.updates import become, extends, guarded, items_of, keep, remove, rename, update, write
from fsm_core.engine.walk import Request


class Steps(Logic):
    """Writes the steps of states and arcs into a source. Each returns what is known after it."""

    def enter(self, here: StateDefinition, flow: Flow, refused: Callable[[Flow], None] | None = None) -> Flow:
        """All that a state does to a record before it fans out. `refused` writes what becomes of one that its only `require` refuses."""
        for rule in here.validates:
            flow = self._validate(rule, flow)
        for let in here.lets:
            flow = self._let(let, flow)
        for require in here.requires:
            text, flow = self.value(require.condition, flow)
            flow = self._required(text, flow, refused)
        for code in () if here.fan_out is True else here.transforms:
            flow = self._asked(here, code, flow) if waits(code, here.retry) else self.transform(code, flow)
        if here.record is not None:
            flow = self.transform(here.record, flow)
        for line in here.renames:
            flow = rename(line.source, line.target, self._source, flow)
        for assign in here.assigns:
            flow = self._assign(assign, flow)
        for item in here.removes:
            flow = remove(item.path, self._source, flow)
        return flow if here.keep is None else keep(here.keep, self._source, flow)

    def _required(self, text: str, flow: Flow, refused: Callable[[Flow], None] | None) -> Flow:
        if refused is None:
            self._source.line(flow, f"if not ({text}): raise _Unusual")
            return flow
        self._source.line(flow, f"if not ({text}):")
        refused(flow.deeper())
        self._source.line(flow, "else:")
        return flow.deeper()

    def _validate(self, rule: Code | Rules, flow: Flow) -> Flow:
        """Leave for the interpreter unless the verdict is good."""
        if isinstance(rule, Rules):
            flow = build(self._source, flow)
            self._source.line(flow, f"if {self._source.hold('r', partial(broken_rules, rule))}(_d): raise _Unusual")
            return flow
        text, flow = self.value(rule, flow)
        self._source.line(flow, f"_v = {text}")
        self._source.line(flow, "if _v is not True and (_v.__class__ is not list or _v): raise _Unusual")
        return flow

    def _let(self, let: Let, flow: Flow) -> Flow:
        local = self._source.name("t")
        text, flow = self._judged(let.template, local, flow)
        self._source.line(flow, f"{local} = {text}")
        return replace(flow, lets={**flow.lets, let.name: ast.Name(local, ast.Load())})

    def _judged(self, code: Code, local: str, flow: Flow) -> tuple[str, Flow]:
        """The text of a value, and the local noted as one that may hold a NaN if it may."""
        tree, flow = self.fused(code, flow)
        if tree is None:
            text, flow = self.value(code, flow)
            safe = False
        else:
            held = tree
            tree, flow = read(tree, self._source, flow)
            flow = let_go([held], flow)
            text, safe = text_of(tree, self._source), verdict(tree, flow.record.unsafe) == "safe"
        return text, flow if safe else replace(flow, record=replace(flow.record, dirty=flow.record.dirty | {local}))

    def transform(self, code: Code, flow: Flow) -> Flow:
        """The record becomes what the code returns."""
        host = code.host
        if host is not None and (host.args is not None or host.into):
            return self._host(code, host, flow)
        tree, flow = self.fused(code, flow)
        if tree is None:
            text, flow = self.called(self._functions.of(code), flow)
            self._record(flow, text)
            return flow
        if isinstance(tree, ast.Name) and tree.id == RECORD:
            return flow
        items = items_of(tree, flow.record)
        if items is not None:
            return update(items, self._source, flow) if extends(tree, flow.record) else become(items, self._source, flow)
        fresh = isinstance(tree, ast.Dict)
        tree, flow = read(tree, self._source, flow)
        self._record(flow, text_of(tree, self._source))
        return replace(flow, record=Record(own=fresh, clean=verdict(tree, flow.record.unsafe) == "safe", dirty=flow.record.dirty))

    def _asked(self, here: StateDefinition, code: Code, flow: Flow) -> Flow:
        """The record waits for what the host says; what it said is kept, for the interpreter where it has to walk the same way."""
        function, into = self._functions.of(code), () if code.host is None else code.host.into
        if code.host is not None and code.host.args is not None:
            text, flow = self.value(code.host.args, flow)
            flow = build(self._source, flow)
        elif code.host is not None and code.host.batch:
            flow = build(self._source, flow)
            text = "_d"
        else:
            flow = self.lend(flow)
            text = "_st"
        if code.function is not None and text != "_st":
            function = code.function
        request = self._source.hold("q", partial(Request, here.name, code, function, retry=here.retry))
        local = self._source.name("t")
        self._source.line(flow, f"{local} = yield {request}({text})")
        self._source.line(flow, f"_answers.append({self._kept(local)})")
        if text == "_st":
            self.returned(flow)
        flow = replace(flow, record=Record(own=False, clean=False, dirty=flow.record.dirty | {local}))
        if into:
            return write(into, ast.Name(local, ast.Load()), self._source, flow)
        self._record(flow, local)
        return flow

    def _kept(self, answer: str) -> str:
        """An answer as it came: code that is called as its author wrote it may change it in place."""
        if all(self._fusable(code) for code in all_codes(self._definition) if code.kind == "inline"):
            return answer
        return f"{self._source.hold('f', deepcopy)}({answer})"

    def _host(self, code: Code, host: Host, flow: Flow) -> Flow:
        """A pure function of the host with arguments of its own, or a place for its answer."""
        if host.args is None:
            text, flow = self.called(self._functions.of(code), flow)
        else:
            text, flow = self.value(host.args, flow)
            text = f"{self._source.hold('f', code.function)}({text})"
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {text}")
        flow = replace(flow, record=replace(flow.record, own=False, dirty=flow.record.dirty | {local}))
        if host.into:
            return write(host.into, ast.Name(local, ast.Load()), self._source, flow)
        self._record(flow, local)
        return replace(flow, record=Record(own=False, clean=False, dirty=flow.record.dirty))

    def _assign(self, assign: Assign, flow: Flow) -> Flow:
        """One line of `set`."""
        guard = None
        if assign.guard is not None:
            guard, flow = self.value(assign.guard, flow)
        tree, flow = self.fused(assign.template, flow)
        if tree is None:
            if guard is not None:
                return self._guarded_call(assign, guard, flow)
            local, flow = self._template(assign, flow)
            tree = ast.Name(local, ast.Load())
        if guard is not None:
            return guarded(assign.path, guard, tree, self._source, flow)
        return write(assign.path, tree, self._source, flow)

    def _template(self, assign: Assign, flow: Flow) -> tuple[str, Flow]:
        call, flow = self.called(self._functions.of(assign.template), flow)
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {call}")
        self.returned(flow)
        return local, replace(flow, record=replace(flow.record, dirty=flow.record.dirty | {local}))

    def _guarded_call(self, assign: Assign, guard: str, flow: Flow) -> Flow:
        """A line with `?` whose formula has to be called."""
        flow = self.lend(flow)
        self._source.line(flow, f"if {guard}:")
        local, inside = self._template(assign, flow.deeper())
        inside = build(self._source, write(assign.path, ast.Name(local, ast.Load()), self._source, inside))
        return replace(flow, record=Record(own=False, clean=False, dirty=inside.record.dirty))
