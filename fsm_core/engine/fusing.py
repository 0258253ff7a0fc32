"""Which code can stand in the middle of a generated function, and how it reads there.

An expression is fused when it is pure by its shape: a closed list of nodes, builtins, helpers and methods that change
nothing. In it the record is called `_d` and the moment `_now`. Anything else is called as its author wrote it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Mapping
from types import MappingProxyType

from fsm_core.expressions.names import BUILTINS, METHODS, MUTATORS
from fsm_core.expressions.trees import copied

RECORD = "_d"
NOW = "_now"
PLACES = {"data": RECORD, "now": NOW, "meta": "_meta", "error": "_error", "message": "_message"}
"""What `state.…` is called in fused code; the last three stand for what is known where the code is written."""
COALESCE = "_fsm_coalesce"
READ = "_fsm_read"
_NODES = (
    ast.Constant, ast.Name, ast.Subscript, ast.Slice, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Starred, ast.BinOp,
    ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.keyword, ast.Attribute, ast.JoinedStr,
    ast.FormattedValue, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.Lambda,
    ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)
_CONSUMERS = frozenset("all any dict list max min set sorted sum tuple _fsm_join _fsm_sum".split())
_FLOAT_SAFE = {"_fsm_mul": ast.Mult, "_fsm_add": ast.Add}


class NotFusable(Exception):
    """The code must be called as it is; its text says why."""


def let_name(name: str) -> str:
    """What a `let` is called in fused code, until it is written."""
    return f"_let_{name}"


def fuse(tree: ast.AST, names: Collection[str], formula: bool, lets: Collection[str] = (),
         constants: Mapping[str, object] = MappingProxyType({})) -> ast.expr:
    """The expression as it reads in a generated function.

    `names`: the globals that may be used; `constants`: those of them whose values never change.
    """
    renaming = _formula_renaming() if formula else _lambda_renaming(tree)
    body = copied(tree if formula else tree.body)  # type: ignore[attr-defined]  # a Lambda, looked at above
    renaming.allowed = BUILTINS | {n for n in names if not n.startswith("_") or n.startswith("_fsm_")}
    renaming.lets, renaming.constants = frozenset(lets), constants
    fused = renaming.visit(body)
    assert isinstance(fused, ast.expr)
    return ast.fix_missing_locations(fused)


def _formula_renaming() -> _Renaming:
    return _Renaming("state", "data")


def _lambda_renaming(tree: ast.AST) -> _Renaming:
    if not isinstance(tree, ast.Lambda):
        raise NotFusable("a def")
    a = tree.args
    if a.posonlyargs or a.kwonlyargs or a.vararg or a.kwarg or a.defaults or not 1 <= len(a.args) <= 2:
        raise NotFusable("unusual parameters")
    if len(a.args) == 1:
        return _Renaming(a.args[0].arg, None)
    return _Renaming(None, a.args[0].arg, a.args[1].arg)


class _Renaming(ast.NodeTransformer):
    """Renames the record to `_d` and loop variables to names of their own; `NotFusable` at anything not on the lists."""

    def __init__(self, state: str | None, data: str | None, context: str | None = None) -> None:
        self._state, self._data = state, data
        self.parameters = {name for name in (state, data, context) if name is not None}
        self.allowed: Collection[str] = ()
        self.lets: frozenset[str] = frozenset()
        self.constants: Mapping[str, object] = {}
        self._loop: dict[str, str] = {}
        self._serial = 0

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _NODES):
            raise NotFusable(f"{type(node).__name__} in it")
        result: ast.AST = super().visit(node)
        return result

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._loop:
            return ast.Name(self._loop[node.id], node.ctx)
        if node.id == self._data:
            return ast.Name(RECORD, ast.Load())
        if node.id in self.lets:
            return ast.Name(let_name(node.id), ast.Load())
        if node.id in self.parameters or node.id not in self.allowed:
            raise NotFusable(f"`{node.id}` as a whole")
        return _literal_of(self.constants[node.id]) or node if node.id in self.constants else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == self._state and node.value.id not in self._loop and node.attr in PLACES:
            return ast.Name(PLACES[node.attr], ast.Load())
        raise NotFusable(f"`.{node.attr}`")

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """A function that reads nothing but its parameters can be made anywhere."""
        a = node.args
        parameters = {p.arg for p in a.args}
        inside = {n.id for n in ast.walk(node.body) if isinstance(n, ast.Name)} - parameters
        loops = any(isinstance(n, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)) for n in ast.walk(node.body))
        if a.posonlyargs or a.kwonlyargs or a.vararg or a.kwarg or a.defaults or loops or COALESCE in inside:
            raise NotFusable("a lambda")
        before, self._loop = self._loop, {**self._loop, **{p: p for p in parameters}}
        if any(p.startswith("_") for p in parameters) or inside - set(self.allowed):
            raise NotFusable("a lambda that reads what is around it")
        node.body, self._loop = self._expression(node.body), before
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        raise NotFusable("a generator that may be read later")

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._comprehension(node)

    def _comprehension(self, node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        before, self._loop = self._loop, dict(self._loop)
        for loop in node.generators:
            if loop.is_async:
                raise NotFusable("async")
            loop.iter = self._expression(loop.iter)
            for target in ast.walk(loop.target):
                if isinstance(target, ast.Name):
                    self._serial += 1
                    self._loop[target.id] = f"_v{self._serial}_{target.id.strip('_')}"
            loop.target = self._expression(loop.target)
            loop.ifs = [self._expression(test) for test in loop.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self._expression(node.key), self._expression(node.value)
        else:
            node.elt = self._expression(node.elt)
        self._loop = before
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == COALESCE:
            node.args = [self._expression(a.body) for a in node.args if isinstance(a, ast.Lambda)]
            return node
        if isinstance(node.func, ast.Attribute):
            if node.func.attr not in METHODS - MUTATORS:
                raise NotFusable(f"`.{node.func.attr}()`")
            node.func.value = self._expression(node.func.value)
        elif isinstance(node.func, ast.Name) and node.func.id not in self._loop:
            if node.func.id not in self.allowed or node.func.id == "_fsm_grow":
                raise NotFusable(f"a call of `{node.func.id}`")
        else:
            raise NotFusable("a call of something computed")
        consumed = node.func.id in _CONSUMERS if isinstance(node.func, ast.Name) else node.func.attr == "join"
        node.args = [self._argument(a, consumed) for a in node.args]
        node.keywords = [ast.keyword(k.arg, self._expression(k.value)) for k in node.keywords]
        return _first_step(_unguarded(node))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            raise NotFusable("a loop that writes into an item")
        known = self._known(node)
        return self.generic_visit(node) if known is None else known

    def _known(self, node: ast.expr) -> ast.Constant | None:
        """An item of a constant table, where its name is a literal and it is no table itself."""
        steps: list[object] = []
        while isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            steps.append(node.slice.value)
            node = node.value
        if not (steps and isinstance(node, ast.Name) and node.id in self.constants and node.id not in self._loop):
            return None
        value: object = self.constants[node.id]
        for step in reversed(steps):
            if not isinstance(value, dict) or step not in value:
                return None
            value = value[step]
        return _literal_of(value)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Constants of one function are one object, those of two are two: `is` could tell."""
        operands = [node.left, *node.comparators]
        for op, one, other in zip(node.ops, operands, node.comparators, strict=False):
            if isinstance(op, ast.Is | ast.IsNot) and not any(_is_singleton(x) for x in (one, other)):
                raise NotFusable("`is`")
        return self.generic_visit(node)

    def _argument(self, node: ast.expr, consumed: bool) -> ast.expr:
        if consumed and isinstance(node, ast.GeneratorExp):
            made = self._comprehension(node)
            assert isinstance(made, ast.expr)
            return made
        return self._expression(node)

    def _expression(self, node: ast.expr) -> ast.expr:
        visited = self.visit(node)
        assert isinstance(visited, ast.expr)
        return visited


def _literal_of(value: object) -> ast.Constant | None:
    """A value that a literal can say exactly and that nobody can change; None for any other."""
    if value is not None and not (isinstance(value, str | int | float) and type(value) in (str, int, bool, float)):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else ast.Constant(value)


def _unguarded(node: ast.Call) -> ast.expr:
    """`x * 1.5` and `x + 1.5` need no guard: whatever is no number raises by itself."""
    if isinstance(node.func, ast.Name) and node.func.id in _FLOAT_SAFE and len(node.args) == 2:
        left, right = node.args
        if isinstance(right, ast.Constant) and type(right.value) is float:
            return ast.BinOp(left, _FLOAT_SAFE[node.func.id](), right)
    return node


def _first_step(node: ast.expr) -> ast.expr:
    """A path that is looked at from the record on, as one from a field on."""
    match node:
        case ast.Call(func=ast.Name(id="_fsm_read"), args=[ast.Name(id=record), ast.Tuple(elts=[ast.Constant(value=str()) as first, *rest])]
                      ) if record == RECORD:
            field = ast.Call(ast.Attribute(ast.Name(RECORD, ast.Load()), "get", ast.Load()), [first], [])
            return ast.Call(node.func, [field, ast.Tuple(rest, ast.Load())], []) if rest else field
    return node


def _is_singleton(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
