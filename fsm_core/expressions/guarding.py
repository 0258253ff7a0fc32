"""Safe mode's guards put into a tree: operators, calls and f-strings that hostile data could blow up."""

from __future__ import annotations

import ast
from typing import Final, cast

from fsm_core.expressions.outer import copied_from_outside
from fsm_core.expressions.trees import copied

_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Mult: "_fsm_mul", ast.Mod: "_fsm_mod", ast.Add: "_fsm_add", ast.LShift: "_fsm_shl", ast.Pow: "_fsm_pow",
}
_CALLS: Final = {"range": "_fsm_range", "sum": "_fsm_sum", "str": "_fsm_str"}
_GROWING: Final = ("append", "extend", "insert", "setdefault", "update")
_CONVERSIONS: Final = {ord("r"): "_fsm_repr", ord("a"): "_fsm_ascii"}
_METER: Final = "_fsm_ranges"


def insert_guards(tree: ast.AST) -> ast.AST:
    """A new tree in which the dangerous operators and calls are guarded; the given tree stays as it is."""
    new, guarding = copied(tree), _Guarding()
    if isinstance(new, ast.Lambda):  # inline code: its own lambda is called once
        new.body = cast(ast.expr, guarding.visit(new.body))
    else:
        new = guarding.visit(new)
    return cast(ast.AST, ast.fix_missing_locations(new))


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


class _Guarding(ast.NodeTransformer):
    """`_repeated`: inside of what runs again and again; the ranges made there are counted together."""

    _repeated = False

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = _OPERATORS.get(type(node.op))
        return node if name is None else ast.copy_location(_call(name, node.left, node.right), node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        parts = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        if not parts or any(part.format_spec is not None for part in parts):
            return node
        return ast.copy_location(_call("_fsm_text", *map(_part, node.values)), node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.keyword(arg="key", value=ast.Name(id="str") as name):
                node.value = ast.copy_location(ast.Name("_fsm_str", ast.Load()), name)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Name(id="range") if self._repeated:
                node.func = ast.copy_location(ast.Name(_METER, ast.Load()), node.func)
            case ast.Name(id="range" | "sum" | "str" as name):
                node.func = ast.copy_location(ast.Name(_CALLS[name], ast.Load()), node.func)
            case ast.Name(id="int") if len(node.args) + len(node.keywords) > 1:
                node.func = ast.copy_location(ast.Name("_fsm_int", ast.Load()), node.func)
            case ast.Attribute(attr="join" | "replace" as method, value=value):
                node.args.insert(0, value)
                node.func = ast.copy_location(ast.Name(f"_fsm_{method}", ast.Load()), node.func)
            case ast.Attribute(attr=method, value=value) if method in _GROWING:
                node.args[:0] = [ast.Constant(method), value]
                node.func = ast.copy_location(ast.Name("_fsm_grow", ast.Load()), node.func)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """A key of `sorted`; what has no parameters is an argument of `coalesce`, which runs once."""
        return self._again(node, []) if node.args.args else self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._again(node, node.generators)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._again(node, node.generators)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._again(node, node.generators)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._again(node, node.generators)

    def _again(self, node: ast.expr, generators: list[ast.comprehension]) -> ast.AST:
        """Its first source runs once, all else once for each item."""
        if self._repeated:
            return _sized(self.generic_visit(node), "_fsm_inner")
        source = cast(ast.expr, self.visit(generators[0].iter)) if generators else None
        self._repeated = True
        if source is not None:
            generators[0].iter = ast.Constant(None)
        self.generic_visit(node)
        if source is not None:
            generators[0].iter = source
        self._repeated = False
        node = cast(ast.expr, _sized(node, "_fsm_loop"))
        if not any(isinstance(n, ast.Name) and n.id == _METER for n in ast.walk(node)):
            return node
        inside = ast.Lambda(ast.arguments([], [ast.arg(_METER)], None, [], [], None, []), node)
        return ast.copy_location(ast.Call(inside, [_call("_fsm_meter")], []), node)


def _sized(node: ast.AST, guard: str) -> ast.AST:
    """A loop that copies things from outside asks for its size first."""
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) and (around := copied_from_outside(node)):
        first = node.generators[0]
        first.iter = ast.copy_location(_call(guard, first.iter, *around), first.iter)
    return node


def _part(node: ast.expr) -> ast.expr:
    if not isinstance(node, ast.FormattedValue):
        return node
    name = _CONVERSIONS.get(node.conversion)
    return node.value if name is None else _call(name, node.value)
