"""Generated code for what a state does to a record: validate, transform, set."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial

from fsm_core.definition import Assign, Code, Definition, Rules
from fsm_core.engine.finite import verdict
from fsm_core.engine.functions import Functions, StateFunction
from fsm_core.engine.fusing import NotFusable, fuse, template_tree, uses
from fsm_core.engine.inlining import rounded, rounding, text_of
from fsm_core.engine.interpreter import with_path
from fsm_core.engine.language import prepared_tree
from fsm_core.engine.rules import broken_rules
from fsm_core.engine.source import Flow, Source


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

    def text(self, tree: ast.expr, flow: Flow) -> str:
        """The expression as it is written at this point."""
        return text_of(tree, self._source, flow.known)

    def called(self, function: StateFunction, flow: Flow) -> tuple[str, Flow]:
        """Call a function as it is. It may keep or change the record, which is ours no longer."""
        flow = self.lend(flow)
        return f"{self._source.hold('f', function)}(_st)", flow

    def lend(self, flow: Flow) -> Flow:
        """Make `_st` show the record as it is now."""
        self._source.line(flow, "_st.data = _d" if flow.lent else "_st = _State(_d, _meta_of(_i), _now)")
        return replace(flow, lent=True, own=False, clean=False, known=())

    def validate(self, rule: Code | Rules, flow: Flow) -> Flow:
        """Leave for the interpreter unless the verdict is good."""
        if isinstance(rule, Rules):
            self._source.line(flow, f"if {self._source.hold('r', partial(broken_rules, rule))}(_d): raise _Unusual")
            return flow
        tree = self.fused(rule)
        if tree is None:
            text, flow = self.called(self._functions.of(rule), flow)
        else:
            text = self.text(tree, flow)
        self._source.line(flow, f"_v = {text}")
        if tree is None:
            self._source.line(flow, "_d = _st.data")
        self._source.line(flow, "if _v is not True and (_v.__class__ is not list or _v): raise _Unusual")
        return flow

    def transform(self, code: Code, flow: Flow) -> Flow:
        """The record becomes what the code returns."""
        tree = self.fused(code)
        if tree is None:
            text, flow = self.called(self._functions.of(code), flow)
            return self._checked(text, flow)
        if isinstance(tree, ast.Name) and tree.id == "_d":
            return flow
        if not isinstance(tree, ast.Dict):
            return replace(self._checked(self.text(tree, flow), flow), clean=flow.clean and verdict(tree) == "safe")
        clean = flow.clean
        if clean:
            settled = [self._settled(value, flow) for value in tree.values]
            tree, clean = ast.Dict(tree.keys, [v for v, _ in settled]), all(known for _, known in settled)
        update = _update_of(tree)
        if flow.own and update is not None:
            self._update(update, flow)
        else:
            self._source.line(flow, f"_d = {self.text(tree, flow)}")
        return replace(flow.wrote(None if update is None else [name for name, _ in update]), own=True, clean=clean)

    def _settled(self, value: ast.expr, flow: Flow) -> tuple[ast.expr, bool]:
        """The value, computed and looked at first if it is a number that may not be finite; whether it is finite now."""
        known = verdict(value)
        if known in ("safe", "unknown") or isinstance(value, ast.Constant):
            return value, known == "safe"
        local = self._source.name("t")
        inner = rounded(value, self._globals)
        self._source.line(flow, f"{local} = {self.text(value if inner is None else inner, flow)}")
        kind = "" if known == "number" else f"{local}.__class__ is float and "
        checked = [f"if {kind}{local} - {local} != 0.0: raise _Unusual"]
        for line in checked if inner is None else rounding(local, self._source.name("y"), self._source.name("z"), inner):
            self._source.line(flow, line)
        return ast.Name(local, ast.Load()), True

    def assign(self, assign: Assign, flow: Flow) -> Flow:
        """One line of `set`."""
        tree = template_tree(assign.template)
        if isinstance(tree, Code):
            tree = self.fused(tree)
        if tree is None:
            call, flow = self.called(self._functions.template(assign.template), flow)
            self._source.line(flow, f"_v = {call}")
            self._source.line(flow, "_d = _st.data")
            text = "_v"
        else:
            settled, clean = self._settled(tree, flow) if flow.clean else (tree, False)
            flow, text = replace(flow, clean=clean), self.text(settled, flow)
        if len(assign.path) > 1:
            self._source.names["_with_path"] = with_path
            self._source.line(flow, f"_d = _with_path(_d, {assign.path!r}, {text})")
        elif flow.own and tree is not None and not uses(tree).escapes:
            self._source.line(flow, f"_d[{assign.path[0]!r}] = {text}")
        else:
            self._source.line(flow, f"_d = {{**_d, {assign.path[0]!r}: {text}}}")
        return replace(flow.wrote([assign.path[0]]), own=True)

    def _checked(self, text: str, flow: Flow) -> Flow:
        self._source.line(flow, f"_d = {text}")
        self._source.line(flow, "if not isinstance(_d, dict): raise _Unusual")
        return replace(flow.wrote(None), own=False)

    def _update(self, update: list[tuple[str, ast.expr]], flow: Flow) -> None:
        """`{**record, name: value}` in place. A value that reads a name written before it is computed first."""
        ready = [self.text(value, flow) for _, value in update]
        if _reads_what_is_written(update):
            for index, (_, value) in enumerate(update):
                if not isinstance(value, ast.Constant):
                    local = self._source.name("t")
                    self._source.line(flow, f"{local} = {ready[index]}")
                    ready[index] = local
        for (name, _), text in zip(update, ready, strict=True):
            self._source.line(flow, f"_d[{name!r}] = {text}")


def _update_of(tree: ast.Dict) -> list[tuple[str, ast.expr]] | None:
    """The new fields of `{**record, 'name': value, …}`, None if it is anything else or a value keeps the record."""
    first = tree.values[0] if tree.values and tree.keys[0] is None else None
    if not (isinstance(first, ast.Name) and first.id == "_d"):
        return None
    update: list[tuple[str, ast.expr]] = []
    for key, value in zip(tree.keys[1:], tree.values[1:], strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)) or uses(value).escapes:
            return None
        update.append((key.value, value))
    return update


def _reads_what_is_written(update: list[tuple[str, ast.expr]]) -> bool:
    written: set[str] = set()
    for name, value in update:
        reads = uses(value).reads
        if written and (reads is None or reads & written):
            return True
        written.add(name)
    return False
