"""Expressions over the record as expressions over locals: each field is read once, and a field that is known not at all.

A read moves ahead of the expression where it is evaluated in any case, or where it cannot raise. That it raises earlier
than it would have makes no difference: the interpreter has the last word on a record that raises.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from fsm_core.engine.fusing import COALESCE, RECORD
from fsm_core.engine.loops import Loops, needs_lines
from fsm_core.engine.record import Record, is_atom
from fsm_core.engine.source import Flow, Source
from fsm_core.engine.uses import FieldRead, field_read, uses
from fsm_core.expressions.trees import copied


def build(source: Source, flow: Flow) -> Flow:
    """Make `_d` the record as it is."""
    record = flow.record
    if record.closed:
        source.line(flow, f"{RECORD} = {record.literal()}")
    elif record.fields:
        flow = own(source, flow)
        for name, atom in record.fields.items():
            source.line(flow, f"{RECORD}[{name!r}] = {ast.unparse(atom)}")
    return replace(flow, record=flow.record.built())


def own(source: Source, flow: Flow) -> Flow:
    """Make sure that the dict in `_d` may be changed."""
    if flow.record.closed or (flow.record.own and not flow.record.held):
        return flow
    source.line(flow, f"{RECORD} = {{**{RECORD}}}")
    return replace(flow, record=replace(flow.record, own=True, held=False))


def let_go(trees: Iterable[ast.expr], flow: Flow) -> Flow:
    """The dict in `_d` is ours no longer if one of these holds on to it."""
    if any(uses(tree).escapes for tree in trees):
        return replace(flow, record=replace(flow.record, own=False))
    return flow


def read(tree: ast.expr, source: Source, flow: Flow, sure: bool = True) -> tuple[ast.expr, Flow]:
    """The expression over locals. `sure`: it is evaluated whatever happens."""
    if uses(tree).whole:
        flow = build(source, flow)
    reading = _Reading(tree, source, flow, sure)
    made = reading.visit(copied(tree))
    assert isinstance(made, ast.expr)
    return ast.fix_missing_locations(made), replace(flow, record=reading.record)


class _Reading(Loops, ast.NodeTransformer):
    """Replaces reads of fields in a copy of an expression and writes the reads that move ahead."""

    def __init__(self, tree: ast.expr, source: Source, flow: Flow, sure: bool) -> None:
        self._source, self._flow, self._sure = source, flow, sure
        self._in_text = False
        self.record: Record = flow.record
        reads = [field_read(node) for node in ast.walk(tree)]
        self._gets = Counter(r.name for r in reads if r is not None and r.how == "get" and r.default is None)

    def visit(self, node: ast.AST) -> ast.AST:
        found = field_read(node)
        if found is None:
            rewritten: ast.AST = super().visit(node)
            return rewritten
        assert isinstance(node, ast.expr)
        made = self._field(node, found)
        if self._in_text and isinstance(made, ast.Constant) and isinstance(made.value, str):
            return self._ahead(repr(made.value))  # not every text can be written inside an f-string
        return made

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        before, self._in_text = self._in_text, True
        self.generic_visit(node)
        self._in_text = before
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        if any(map(needs_lines, node.values[1:])):
            return self.chain(node.values, "not {}" if isinstance(node.op, ast.Or) else "{}")
        node.values = [self.expression(value, index == 0) for index, value in enumerate(node.values)]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if needs_lines(node.body) or needs_lines(node.orelse):
            return self.fork(node)
        node.test = self.expression(node.test)
        node.body, node.orelse = self.expression(node.body, False), self.expression(node.orelse, False)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        node.left = self.expression(node.left)
        node.comparators = [self.expression(value, index == 0) for index, value in enumerate(node.comparators)]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(func=ast.Name(id=name)) if name == COALESCE:
                if any(map(needs_lines, node.args[1:])):
                    return self.chain(node.args, "{} is None")
                node.args = [self.expression(value, index == 0) for index, value in enumerate(node.args)]
                return node
            case ast.Call(func=ast.Name(id="any" | "all" as name), args=[ast.GeneratorExp(generators=[_]) as loop]) if name not in self._source.names:
                return self.search(loop, name == "any")
        return self.generic_visit(node)

    def expression(self, node: ast.expr, sure: bool = True) -> ast.expr:
        before, self._sure = self._sure, self._sure and sure
        made = self.visit(node)
        self._sure = before
        assert isinstance(made, ast.expr)
        return made

    def _field(self, node: ast.expr, found: FieldRead) -> ast.AST:
        if found.how == "in":
            return self._contains(node, found)
        default = None if found.default is None else self.expression(found.default)
        atom = self.record.atom(found.name)
        if found.how == "item":
            return self._item(node, found.name) if atom is None else atom
        if atom is None and self.record.lacks(found.name):
            return default or ast.Constant(None)
        if atom is None:
            return self._get(node, found.name, default)
        if default is None or is_atom(default):
            return atom
        return ast.Subscript(ast.Tuple([default, atom], ast.Load()), ast.Constant(1), ast.Load())  # it may raise

    def _contains(self, node: ast.AST, found: FieldRead) -> ast.AST:
        if self.record.atom(found.name) is not None:
            return ast.Constant(not found.negated)
        return ast.Constant(found.negated) if self.record.lacks(found.name) else node

    def _item(self, node: ast.expr, name: str) -> ast.expr:
        if self.record.lacks(name):
            return ast.Subscript(ast.Name("_nothing", ast.Load()), ast.Constant(name), ast.Load())
        local = self.record.maybe.get(name)
        if not self._sure:
            return node if local is None else ast.IfExp(ast.Compare(local, [ast.IsNot()], [ast.Constant(None)]), local, node)
        if local is None:
            local = self._ahead(f"{RECORD}[{name!r}]")
        else:
            self._source.line(self._flow, f"if {ast.unparse(local)} is None: {ast.unparse(local)} = {RECORD}[{name!r}]")
        self.record = replace(self.record, present={**self.record.present, name: local})
        return local

    def _get(self, node: ast.AST, name: str, default: ast.expr | None) -> ast.AST:
        if default is not None:
            assert isinstance(node, ast.Call)
            node.args[1] = default
            return node
        local = self.record.maybe.get(name)
        if local is None:
            if not self._sure and self._gets[name] < 2:
                return node
            local = self._ahead(f"{RECORD}.get({name!r})")
            self.record = replace(self.record, maybe={**self.record.maybe, name: local})
        return local

    def _ahead(self, text: str) -> ast.Name:
        local = self._source.name("x")
        self._source.line(self._flow, f"{local} = {text}")
        if not self.record.clean:
            self.doubt(local)
        return ast.Name(local, ast.Load())
