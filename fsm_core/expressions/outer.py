"""What the body of a loop copies from outside of it: the size of a record's own field times the items of its own list."""

from __future__ import annotations

import ast
from typing import Final

from fsm_core.expressions.names import BUILTINS, METHODS, STATE_NAMES

ASKING: Final = frozenset(
    "count index find rfind rindex startswith endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper".split())
"""Methods that give a number or a boolean."""
_COPYING: Final = METHODS - ASKING - {"get", "keys"}
SCALAR: Final = frozenset(
    "abs all any bool divmod float has int isinstance len matches round sum to_int to_number clip round_half_up parse_time floor_time"
    " sha256 hmac_sha256 _fsm_sum _fsm_int _fsm_mul _fsm_mod _fsm_pow _fsm_shl range _fsm_range _fsm_ranges".split())
"""Calls that give a number, a boolean or a short text."""
_READ: Final = "_fsm_read"


def copied_from_outside(loop: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> list[ast.expr]:
    """Expressions that read what the items of a loop copy and the loop does not bind; none of them raises."""
    visitor = _Outside({n.id for part in loop.generators for n in ast.walk(part.target) if isinstance(n, ast.Name)})
    for part in (loop.key, loop.value) if isinstance(loop, ast.DictComp) else (loop.elt,):
        visitor.visit(part)
    return list(visitor.found.values())


class _Outside(ast.NodeVisitor):
    """Leaves out what gives a number or a boolean, and a table from which a loop reads an item."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.found: dict[str, ast.expr] = {}

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self.bound and node.id not in BUILTINS and node.id != "params" and not node.id.startswith("_fsm_"):
            self.found[node.id] = ast.Name(node.id, ast.Load())

    def visit_Compare(self, node: ast.Compare) -> None:
        pass

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        pass

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.BitOr):
            self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.body)
        self.visit(node.orelse)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.attr in STATE_NAMES - {"now"} and node.value.id not in self.bound:
            self.found[ast.unparse(node)] = ast.Attribute(node.value, node.attr, ast.Load())

    def visit_Subscript(self, node: ast.Subscript) -> None:
        steps: list[ast.expr] = []
        base: ast.expr = node
        while isinstance(base, ast.Subscript) and isinstance(base.slice, ast.Constant):
            steps.append(base.slice)
            base = base.value
        if isinstance(base, ast.Subscript):
            self.visit(base.value if isinstance(base.slice, ast.Slice) else base.slice)
        elif not isinstance(base, ast.Name | ast.Attribute):
            self.visit(base)
        else:
            self._path(base, steps[::-1], ast.unparse(node))

    def _path(self, base: ast.expr, steps: list[ast.expr], text: str) -> None:
        root = base.value if isinstance(base, ast.Attribute) else base
        if isinstance(root, ast.Name) and root.id not in self.bound and root.id != "params":
            self.found[text] = ast.Call(ast.Name(_READ, ast.Load()), [base, ast.Tuple(steps, ast.Load())], [])

    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(func=ast.Name(id="_fsm_read"), args=[base, ast.Tuple(elts=steps)]):
                return self._path(base, steps, ast.unparse(node))
            case ast.Call(func=ast.Name(id=name)) if name in SCALAR:
                return None
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _COPYING:
                self.visit(value)
        for argument in (*node.args, *(k.value for k in node.keywords)):
            self.visit(argument)
        return None

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._inside({a.arg for a in node.args.args}, [node.body])

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._loop(node, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._loop(node, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._loop(node, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._loop(node, [node.key, node.value])

    def _loop(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, parts: list[ast.expr]) -> None:
        self._inside({n.id for part in node.generators for n in ast.walk(part.target) if isinstance(n, ast.Name)}, parts)

    def _inside(self, names: set[str], parts: list[ast.expr]) -> None:
        fresh = names - self.bound
        self.bound |= fresh
        for part in parts:
            self.visit(part)
        self.bound -= fresh
