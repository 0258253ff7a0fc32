"""The dot rule of formulas: `data.a` becomes `data['a']`, and the lazy helpers become plain Python."""

from __future__ import annotations

import ast
from typing import Any, cast

from fsm_core.expressions.names import STATE_NAMES
from fsm_core.expressions.placing import in_place_of
from fsm_core.expressions.trees import copied

READ = "_fsm_read"
COALESCE = "_fsm_coalesce"


def rewrite_formula(tree: ast.AST) -> ast.expr:
    """A new tree: plain Python over `data`, `state`, `params`, helpers and `_fsm_…` names; the given tree stays as it is.

    It lacks places (`ast.fix_missing_locations`). Compile it as the body of a function (`lambda data, state, params: …`): lambdas in it close over those names.
    """
    new = _DotRule().visit(copied(tree))
    return cast(ast.expr, new)


def path_of(node: ast.AST) -> tuple[ast.expr, tuple[str | int, ...]] | None:
    """The base and the steps of a path (a name with dots and constant brackets), None for anything else."""
    steps: list[str | int] = []
    while True:
        match node:
            case ast.Attribute(value=ast.Name(id="state"), attr=attr) if attr in STATE_NAMES:
                return (ast.Name("data", ast.Load()) if attr == "data" else cast(ast.expr, node)), tuple(steps[::-1])
            case ast.Name():
                return node, tuple(steps[::-1])
            case ast.Attribute(value=value, attr=attr):
                steps.append(attr)
                node = value
            case ast.Subscript(value=value, slice=index) if (step := _constant_step(index)) is not None:
                steps.append(step)
                node = value
            case _:
                return None


def _constant_step(index: ast.expr) -> str | int | None:
    try:
        value = ast.literal_eval(index)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


class _DotRule(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "state" and node.attr in STATE_NAMES:
            return in_place_of(ast.Name("data", ast.Load()), node) if node.attr == "data" else node
        return in_place_of(ast.Subscript(self.visit(node.value), ast.Constant(node.attr), ast.Load()), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node.func:
            case ast.Attribute():
                node.func.value = self.visit(node.func.value)
            case ast.Name(id="case") if len(node.args) % 2:
                return self._case(node.args)
            case ast.Name(id="coalesce"):
                return in_place_of(self._call(COALESCE, [_lazy(self._argument(a)) for a in node.args]), node)
            case ast.Name(id="has") if len(node.args) == 1:
                return in_place_of(ast.Compare(self._argument(node.args[0]), [ast.IsNot()], [ast.Constant(None)]), node)
            case _:
                node.func = self.visit(node.func)
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        return node

    def _case(self, args: list[ast.expr]) -> ast.expr:
        result = self.visit(args[-1])
        for i in range(len(args) - 3, -1, -2):
            result = ast.IfExp(self.visit(args[i]), self.visit(args[i + 1]), result)
        return cast(ast.expr, result)

    def _argument(self, node: ast.expr) -> ast.expr:
        path = path_of(node)
        if path is None or not path[1]:
            return cast(ast.expr, self.visit(node))
        return in_place_of(self._call(READ, [path[0], ast.Tuple([ast.Constant(s) for s in path[1]], ast.Load())]), node)

    @staticmethod
    def _call(name: str, args: list[Any]) -> ast.expr:
        return ast.Call(ast.Name(name, ast.Load()), args, [])


def _lazy(body: ast.expr) -> ast.Lambda:
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), body)
