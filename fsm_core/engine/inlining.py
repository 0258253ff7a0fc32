"""Fused expressions as fast text: guards written out for the numbers that they let pass, numbers read once.

Each form is the plain one on the operands that it tests for and the guard itself on all others.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from typing import Final

from fsm_core.engine.source import Source
from fsm_core.engine.uses import field_read
from fsm_core.expressions.trees import copied

_OPERATORS: Final = {"_fsm_mul": "*", "_fsm_add": "+", "_fsm_mod": "%"}
_SMALL: Final = 2**53
_SHORT: Final = 4096
"""Texts of fewer characters go into f-strings unasked: a formula has room for a few thousand."""
_FIELD: Final = 100
"""What items of a loop may copy unasked: a record of 1 MB has some 100,000 items."""
_ROUNDER: Final = 1.5 * 2**52
"""Added to a float below 2**51 and taken away again, it leaves the nearest integer."""


def text_of(tree: ast.expr, source: Source) -> str:
    """The expression as text."""
    return ast.unparse(ast.fix_missing_locations(_Inliner(source).visit(copied(tree))))


def rounded(value: ast.expr, names: Collection[str]) -> ast.expr | None:
    """The `x` of `round(x, 2)`; None for anything else. What is no number raises by itself where the lines below multiply it."""
    match value:
        case ast.Call(func=ast.Name(id="round"), args=[inner, ast.Constant(value=2)], keywords=[]) if "round" not in names:
            return inner
    return None


def rounding(local: str, scaled: str, whole: str, value: ast.expr) -> list[str]:
    """Lines that round a number, or raise (`value` is its expression) to two digits as `round` does, at a third of its price.

    The product is off by less than 1e-4 below 1e12: away from a tie its nearest integer is the right one, and dividing
    two exact floats is rounded correctly, as the digits that `round` reads back are.
    """
    kind = "" if _is_float(value) else f"{local}.__class__ is float and "
    return [f"{scaled} = {local} * 100.0", f"{whole} = {scaled} + {_ROUNDER!r} - {_ROUNDER!r}",
            f"if {kind}{scaled} > 0.6 and {scaled} < 1e12 and {scaled} - {whole} < 0.499 and {whole} - {scaled} < 0.499:",
            f"    {local} = {whole} / 100.0", "else:", f"    {local} = round({local}, 2)",
            f"    if {local} - {local} != 0: raise _Unusual"]


def _is_float(tree: ast.expr) -> bool:
    match tree:
        case ast.Constant(value=value):
            return type(value) is float
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            return _is_float(left) or _is_float(right)
    return False


def _number_test(tree: ast.AST, names: Mapping[str, object]) -> ast.expr | None:
    """The `x` of `isinstance(x, (int, float)) and not isinstance(x, bool) [and …]`."""
    match tree:
        case ast.BoolOp(op=ast.And(), values=[
                ast.Call(func=ast.Name(id="isinstance"), args=[one, ast.Tuple(elts=[ast.Name(id=a), ast.Name(id=b)])]),
                ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="isinstance"), args=[other, ast.Name(id="bool")])),
                *_]):
            plain = {a, b} == {"int", "float"} and not names.keys() & {"isinstance", "int", "float", "bool"}
            return one if plain and not isinstance(one, ast.Constant) and _is_simple(one) and ast.dump(one) == ast.dump(other) else None
    return None


class _Inliner(ast.NodeTransformer):
    """Rewrites a copy of a fused expression."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Lambda):
            return node
        made: ast.AST = super().visit(node)
        return made

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        read = _number_test(node, self._source.names)
        if read is None:
            return self.generic_visit(node)
        local, bound = self._twice(read)
        test: ast.expr = _parsed(f"{bound}.__class__ is float or {local}.__class__ is int or "
                                 f"isinstance({local}, (int, float)) and not isinstance({local}, bool)")
        rest = [self._expression(value) for value in node.values[2:]]
        return ast.BoolOp(ast.And(), [test, *rest]) if rest else test

    def _expression(self, node: ast.expr) -> ast.expr:
        visited = self.visit(node)
        assert isinstance(visited, ast.expr)
        return visited

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id=name), args=[left, right]) if name in _OPERATORS and (_is_simple(left) or _is_simple(right)):
                return self._guarded(name, left, right)
            case ast.Call(func=ast.Name(id="_fsm_pow"), args=[left, ast.Constant(value=int(2))]) if not isinstance(left, ast.Constant):
                return self._square(left)
            case ast.Call(func=ast.Name(id="_fsm_text"), args=[_, *rest]) if all(map(_is_simple, rest)):
                return self._formatted(node.args)
            case ast.Call(func=ast.Name(id="_fsm_loop" | "_fsm_inner"), args=[source, *around]) if all(map(_is_simple, [source, *around])):
                return self._sized(node, source, around)
            case ast.Call(func=ast.Name(id="min" | "max" as name), args=[left, right], keywords=[]):
                return self._extreme(name, left, right)
            case ast.Call(func=ast.Name(id="_fsm_coalesce"), args=args) if args:
                return self._first(args)
            case ast.Call(func=ast.Name(id="_fsm_read"), args=[value, ast.Tuple(elts=steps)]):
                return self._path(value, [s.value for s in steps if isinstance(s, ast.Constant)])
        return node

    def _first(self, args: list[ast.expr]) -> ast.expr:
        """`coalesce`: the first that is not null."""
        made = args[-1]
        for value in args[-2::-1]:
            local, bound = self._twice(value)
            made = _parsed(f"{local} if {bound} is not None else {ast.unparse(made)}")
        return made

    def _path(self, value: ast.expr, steps: list[object]) -> ast.expr:
        """What stands at the end of a path, written out for plain objects and lists; `_fsm_read` knows of all others."""
        for step in steps:
            if isinstance(value, ast.Constant) and value.value is None:
                return value
            local, bound = self._twice(value)
            plain, given = f"{local}.get({step!r})", f"{bound}.__class__ is dict"
            if not isinstance(step, str):
                plain, given = f"{local}[{step!r}]", f"{bound}.__class__ is list and {_holds(local, step)}"
            value = _parsed(f"{plain} if {given} else None if {local} is None else _fsm_read({local}, ({step!r},))")
        return value

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """The square of an integer is its product; that of a float is not, to the last digit."""
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(2))) if not isinstance(left, ast.Constant):
                one, bound = self._twice(left)
                return _parsed(f"{one} * {one} if {bound}.__class__ is int else {one} ** 2")
        return node

    def _square(self, left: ast.expr) -> ast.expr:
        """The guarded square: of a small integer its product, of a float what `**` gives, the guard for all else."""
        one, bound = self._twice(left)
        return _parsed(f"{one} * {one} if {bound}.__class__ is int and {-_SMALL} < {one} < {_SMALL} else _fsm_pow({one}, 2)")

    def _sized(self, node: ast.Call, source: ast.expr, around: list[ast.expr]) -> ast.expr:
        """The source of a loop as such, where what its items copy from outside is numbers and short texts."""
        tests = [_is_short(*self._twice(part), _FIELD) for part in around if not (isinstance(part, ast.Constant) and not isinstance(part.value, str))]
        return _parsed(f"{ast.unparse(source)} if {' and '.join(tests)} else {ast.unparse(node)}") if tests else source

    def _formatted(self, parts: list[ast.expr]) -> ast.expr:
        """An f-string of short texts and numbers as such; the guard for all else. All but the first part can be read again."""
        tests: list[str] = []
        values: list[ast.expr] = []
        again: list[str] = []
        for part in parts:
            if isinstance(part, ast.Constant):
                values.append(ast.Constant(str(part.value)))
                again.append(ast.unparse(part))
                continue
            local, bound = self._twice(part)
            tests.append(_is_short(local, bound, _SHORT))
            values.append(ast.FormattedValue(ast.Name(local, ast.Load()), -1, None))
            again.append(ast.unparse(part) if again else local)
        plain = ast.JoinedStr(values)
        return ast.IfExp(_parsed(" and ".join(tests)), plain, _parsed(f"_fsm_text({', '.join(again)})")) if tests else plain

    def _extreme(self, name: str, left: ast.expr, right: ast.expr) -> ast.expr:
        """`min` and `max` of two take the second where it is beyond the first, so the first of equals, and of NaN."""
        plain = any(isinstance(x, ast.Constant | ast.Name) for x in (left, right))  # else they would be computed in another order
        if not plain or name in self._source.names or any(isinstance(x, ast.Starred) for x in (left, right)):
            return ast.Call(ast.Name(name, ast.Load()), [left, right], [])
        one, first = self._twice(left)
        other, second = self._twice(right)
        first, second = _beside(right, left, first), _beside(left, right, second)
        return _parsed(f"{other} if {second} {'<' if name == 'min' else '>'} {first} else {one}")

    def _twice(self, tree: ast.expr) -> tuple[str, str]:
        """How an expression reads where it is read again, and where it is read first."""
        if isinstance(tree, ast.Constant | ast.Name):
            text = f"({ast.unparse(tree)})" if isinstance(tree, ast.Constant) else ast.unparse(tree)  # `1.get` is no Python
            return text, text
        local = self._source.name("g")
        return local, f"({local} := {ast.unparse(tree)})"

    def _guarded(self, name: str, left: ast.expr, right: ast.expr) -> ast.expr:
        """The operator where both are floats or small integers, else the guard. The operand that is not simple is read first, and once."""
        constants = [x for x in (left, right) if isinstance(x, ast.Constant)]
        if len(constants) == 2 or not all(_is_small(x.value) for x in constants):
            return ast.Call(ast.Name(name, ast.Load()), [left, right], [])
        tests: list[str] = []
        known: dict[int, tuple[str, str]] = {}
        for operand in (right, left) if _is_simple(left) and not _is_simple(right) else (left, right):
            local, bound = self._twice(operand)
            if not isinstance(operand, ast.Constant):
                tests.append(_small(local, bound))
            known[id(operand)] = local, local if len(known) == 0 else ast.unparse(operand)
        (one, first), (other, second) = known[id(left)], known[id(right)]
        return _parsed(f"{one} {_OPERATORS[name]} {other} if {' and '.join(tests)} else {name}({first}, {second})")


def _is_short(local: str, bound: str, below: int) -> str:
    """A text of fewer characters, or a number."""
    return f"({bound}.__class__ is str and len({local}) < {below} or {local}.__class__ is int or {local}.__class__ is float)"


def _holds(local: str, index: object) -> str:
    """The list has that item; an index below 0 counts from its end."""
    assert isinstance(index, int)
    return f"len({local}) {'>' if index >= 0 else '>='} {abs(index)}"


def _beside(quotient: ast.expr, tree: ast.expr, text: str) -> str:
    """A small integer that a quotient is compared with, as a float: as a quotient is, and so quicker."""
    divided = isinstance(quotient, ast.BinOp) and isinstance(quotient.op, ast.Div)
    if divided and isinstance(tree, ast.Constant) and type(tree.value) is int and _is_small(tree.value):
        return f"{float(tree.value)!r}"
    return text


def _is_small(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < _SMALL)


def _small(local: str, bound: str) -> str:
    return f"({bound}.__class__ is float or {local}.__class__ is int and {-_SMALL} < {local} < {_SMALL})"


def _is_simple(tree: ast.expr) -> bool:
    """It can be read twice: a name, a constant, an item of a name."""
    item = isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name) and isinstance(tree.slice, ast.Constant)
    return item or isinstance(tree, ast.Constant | ast.Name) or field_read(tree) is not None


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
