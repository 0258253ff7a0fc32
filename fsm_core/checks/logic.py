"""Logic of every kind as one plain expression over `data`, and where a read of a field stands in it."""

from __future__ import annotations

import ast
from typing import Any

from fsm_core.definition import Code
from fsm_core.expressions import rewrite_formula
from fsm_core.expressions.trees import copied

Place = tuple[str, tuple[str | int, ...], bool]
"""A name, the steps from it, and whether a step that meets nothing gives null (`has`, `coalesce`, `.get`)."""


def expression(code: Any) -> ast.expr | None:
    """The code as an expression over `data` and `state`; None where it is a `def` or the host's."""
    if not isinstance(code, Code):
        return _template(code)
    if code.tree is None:
        return None
    if code.kind == "formula":
        return rewrite_formula(code.tree)
    if not isinstance(code.tree, ast.Lambda) or len(code.tree.args.args) not in (1, 2):
        return None
    first = code.tree.args.args[0].arg
    body = _Plain(first, len(code.tree.args.args) == 1).visit(copied(code.tree.body))
    return body if isinstance(body, ast.expr) else None


def _template(template: Any) -> ast.expr | None:
    if hasattr(template, "value"):
        return ast.Constant(template.value)
    items = getattr(template, "items", ())
    if items and isinstance(items[0], tuple):
        keys = [ast.Constant(k) for k, _ in items]
        return ast.Dict(list(keys), [_part(v) for _, v in items])
    return ast.List([_part(v) for v in items], ast.Load())


def _part(template: Any) -> ast.expr:
    return expression(template) or ast.Name("_unknown", ast.Load())


class _Plain(ast.NodeTransformer):
    def __init__(self, name: str, one: bool) -> None:
        self.name, self.one = name, one

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:  # NodeTransformer's name
        if self.one and isinstance(node.value, ast.Name) and node.value.id == self.name:
            base: ast.expr = ast.Name("data", ast.Load()) if node.attr == "data" else ast.Attribute(ast.Name("state", ast.Load()), node.attr, ast.Load())
            return ast.copy_location(base, node)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:  # NodeTransformer's name
        return ast.Name("data", ast.Load()) if not self.one and node.id == self.name else node


def place(node: ast.AST) -> Place | None:
    """The read of a path that the node is."""
    match node:
        case ast.Name(id=name):
            return name, (), False
        case ast.Call(func=ast.Name(id="_fsm_coalesce"), args=[ast.Lambda(body=body)]):
            found = place(body)
            return None if found is None else (found[0], found[1], True)
        case ast.Call(func=ast.Name(id="_fsm_read"), args=[ast.Name(id=name), ast.Tuple(elts=steps)]):
            return name, tuple(s.value for s in steps if isinstance(s, ast.Constant)), True  # type: ignore[misc]  # texts and integers
        case ast.Call(func=ast.Attribute(value=below, attr="get"), args=[ast.Constant(value=str() as step)]) | \
                ast.Call(func=ast.Attribute(value=below, attr="get"), args=[ast.Constant(value=str() as step), ast.Constant(value=None)]):
            found = place(below)
            return None if found is None else (found[0], (*found[1], step), True)
        case ast.Subscript(value=below, slice=ast.Constant(value=str() | int() as step)):
            found = place(below)
            return None if found is None else (found[0], (*found[1], step), found[2])
    return None
