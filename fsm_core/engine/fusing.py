"""Which code can stand in the middle of a generated function, and how it reads there.

An expression is fused when it is pure by its shape: a closed list of nodes, builtins, helpers and methods that change
nothing. In it the record is called `_d` and the moment `_now`. Anything else is called as its author wrote it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection

from fsm_core.definition import Code, Constant, MapTemplate, Template
from fsm_core.expressions.names import BUILTINS, METHODS, MUTATORS

RECORD = "_d"
NOW = "_now"
_NODES = (
    ast.Constant, ast.Name, ast.Subscript, ast.Slice, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Starred, ast.BinOp,
    ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.keyword, ast.Attribute, ast.JoinedStr,
    ast.FormattedValue, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)
_CONSUMERS = frozenset("all any dict list max min set sorted sum tuple".split())
_FLOAT_SAFE = {"_fsm_mul": ast.Mult, "_fsm_add": ast.Add}


class NotFusable(Exception):
    """The code must be called as it is."""


def fuse(tree: ast.AST, names: Collection[str], formula: bool) -> ast.expr:
    """The expression as it reads in a generated function. `names`: the globals that may be used."""
    renaming = _formula_renaming() if formula else _lambda_renaming(tree)
    body = copy.deepcopy(tree if formula else tree.body)  # type: ignore[attr-defined]  # a Lambda, looked at above
    targets = {n.id for n in ast.walk(body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if any(t.startswith("_") for t in targets) or targets & renaming.parameters:
        raise NotFusable("a loop variable hides a name")
    renaming.allowed = BUILTINS | targets | set(names) | {RECORD, NOW}
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
    """Renames the record to `_d`; `NotFusable` at anything that is not on the lists."""

    def __init__(self, state: str | None, data: str | None, context: str | None = None) -> None:
        self._state, self._data = state, data
        self.parameters = {name for name in (state, data, context) if name is not None}
        self.allowed: Collection[str] = ()

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _NODES):
            raise NotFusable(type(node).__name__)
        result: ast.AST = super().visit(node)
        return result

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self._data:
            return ast.Name(RECORD, ast.Load())
        if node.id in self.parameters or (isinstance(node.ctx, ast.Load) and node.id not in self.allowed):
            raise NotFusable(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == self._state and node.attr in ("data", "now"):
            return ast.Name(RECORD if node.attr == "data" else NOW, ast.Load())
        raise NotFusable(f".{node.attr}")

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        raise NotFusable("a generator that may be read later")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr not in METHODS - MUTATORS:
                raise NotFusable(f".{node.func.attr}()")
            node.func.value = self._expression(node.func.value)
        elif isinstance(node.func, ast.Name):
            self.visit(node.func)
        else:
            raise NotFusable("a call of something computed")
        consumed = isinstance(node.func, ast.Name) and node.func.id in _CONSUMERS
        node.args = [self._argument(a, consumed) for a in node.args]
        node.keywords = [ast.keyword(k.arg, self._expression(k.value)) for k in node.keywords]
        return _first_step(_unguarded(node))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            raise NotFusable("a loop that writes into an item")
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Constants of one function are one object, those of two are two: `is` could tell."""
        operands = [node.left, *node.comparators]
        for op, one, other in zip(node.ops, operands, node.comparators, strict=False):
            if isinstance(op, ast.Is | ast.IsNot) and not any(_is_singleton(x) for x in (one, other)):
                raise NotFusable("is")
        return self.generic_visit(node)

    def _argument(self, node: ast.expr, consumed: bool) -> ast.expr:
        if consumed and isinstance(node, ast.GeneratorExp):
            self.generic_visit(node)
            return node
        return self._expression(node)

    def _expression(self, node: ast.expr) -> ast.expr:
        visited = self.visit(node)
        assert isinstance(visited, ast.expr)
        return visited


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


def template_tree(template: Template) -> ast.expr | Code | None:
    """A template without code in it as an expression, or its code; None if code stands inside a map or a list."""
    if isinstance(template, Code):
        return template
    if isinstance(template, Constant):
        return _literal(template.value)
    parts = [i for _, i in template.items] if isinstance(template, MapTemplate) else list(template.items)
    trees = [template_tree(part) for part in parts]
    if not all(isinstance(tree, ast.expr) for tree in trees):
        return None
    values = [tree for tree in trees if isinstance(tree, ast.expr)]
    if isinstance(template, MapTemplate):
        return ast.Dict([ast.Constant(name) for name, _ in template.items], values)
    return ast.List(values, ast.Load())


def _literal(value: object) -> ast.expr | None:
    try:
        return ast.parse(repr(value), mode="eval").body if _is_plain(value) else None
    except (SyntaxError, ValueError, RecursionError):
        return None


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or type(value) in (str, int, bool) or (type(value) is float and value - value == 0)
