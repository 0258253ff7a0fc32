"""Code in messages as its author writes it."""

from __future__ import annotations

import ast
import re
from keyword import iskeyword

from fsm_core.expressions.trees import copied

_FIELD = re.compile(r"(?<=[\w\])])\['([A-Za-z_]\w*)'\]")


def written(node: ast.AST) -> str:
    """The text of an expression, with a dot for a field where the language has one, and helpers by their names."""
    text = ast.unparse(ast.fix_missing_locations(_AsWritten().visit(copied(node))))
    return _FIELD.sub(lambda field: field[0] if iskeyword(field[1]) else f".{field[1]}", text)


class _AsWritten(ast.NodeTransformer):
    """Takes back what coalesce and its paths became."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="_fsm_coalesce")):
                node.func = ast.Name("coalesce", ast.Load())
                node.args = [lazy.body if isinstance(lazy, ast.Lambda) else lazy for lazy in node.args]
            case ast.Call(func=ast.Name(id="_fsm_read"), args=[value, ast.Tuple(elts=steps)]):
                path: ast.expr = value
                for step in steps:
                    path = ast.Subscript(path, step, ast.Load())
                return path
        return node
