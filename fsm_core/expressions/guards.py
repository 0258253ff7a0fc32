"""Guards of safe mode: operators and calls that hostile data could blow up, made to check their operands."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Final, cast

from fsm_core.expressions.trees import copied

MOST_BITS: Final = 4096
LONGEST_RANGE: Final = 100_000
MOST_TEXT: Final = 16 * 1024 * 1024
_NUMBERS = (int, float)


def _bounded(value: Any) -> Any:
    if value.__class__ is int and value.bit_length() > MOST_BITS:
        raise OverflowError(f"integer result over {MOST_BITS} bits")
    return value


def _numbers(symbol: str, a: Any, b: Any) -> None:
    if not (isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS)):
        raise TypeError(f"{symbol} takes two numbers here, not {type(a).__name__} and {type(b).__name__}")


def multiply(a: Any, b: Any) -> Any:
    """`a * b` on numbers only."""
    if b.__class__ is float and (a.__class__ is float or a.__class__ is int):
        return a * b
    if a.__class__ is float and b.__class__ is int:
        return a * b
    _numbers("*", a, b)
    return _bounded(a * b)


def modulo(a: Any, b: Any) -> Any:
    """`a % b` on numbers only: on a text it would be formatting."""
    _numbers("%", a, b)
    return a % b


def add(a: Any, b: Any) -> Any:
    """`a + b` on two numbers, two texts or two lists."""
    if a.__class__ is float and b.__class__ is float:
        return a + b
    if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
        return _bounded(a + b)
    alike = (isinstance(a, str) and isinstance(b, str)) or (isinstance(a, list) and isinstance(b, list))
    if alike:
        if len(a) + len(b) > MOST_TEXT:
            raise OverflowError(f"+ would give more than {MOST_TEXT} items")
        return a + b
    raise TypeError(f"+ takes two numbers, texts or lists, not {type(a).__name__} and {type(b).__name__}")


def shift_left(a: Any, b: Any) -> Any:
    """`a << b` with a result of at most 4,096 bits."""
    if not (isinstance(a, int) and isinstance(b, int)):
        raise TypeError(f"<< takes two integers, not {type(a).__name__} and {type(b).__name__}")
    if a.bit_length() + b > MOST_BITS:
        raise OverflowError(f"integer result over {MOST_BITS} bits")
    return a << b


def power(a: Any, b: Any) -> Any:
    """`a ** b` on numbers, with an integer result of at most 4,096 bits."""
    _numbers("**", a, b)
    # An a of n bits gives at least (n - 1) * b bits: refused before it is computed, the exact bound after.
    if isinstance(a, int) and isinstance(b, int) and b > 0 and (a.bit_length() - 1) * b > MOST_BITS:
        raise OverflowError(f"integer result over {MOST_BITS} bits")
    return _bounded(a**b)


def short_range(*args: int) -> range:
    """`range(...)` of at most 100,000 numbers."""
    made = range(*args)
    try:
        fits = len(made) <= LONGEST_RANGE
    except OverflowError:
        fits = False
    if not fits:
        raise OverflowError(f"range over {LONGEST_RANGE} numbers")
    return made


def join(separator: Any, parts: Iterable[str]) -> str:
    """`separator.join(parts)` of at most 16 MiB of text."""
    if not isinstance(separator, str):
        raise AttributeError(f"'{type(separator).__name__}' has no method 'join'")
    items = list(parts)
    size = len(separator) * max(0, len(items) - 1) + sum(len(p) for p in items if isinstance(p, str))
    if size > MOST_TEXT:
        raise OverflowError(f"join would give more than {MOST_TEXT} characters")
    return separator.join(items)


def replace(text: Any, old: str, new: str, count: int = -1) -> str:
    """`text.replace(old, new)` of at most 16 MiB of text."""
    if not isinstance(text, str):
        raise AttributeError(f"'{type(text).__name__}' has no method 'replace'")
    if len(new) > len(old):
        found = text.count(old) if count < 0 else min(count, text.count(old))
        if len(text) + found * (len(new) - len(old)) > MOST_TEXT:
            raise OverflowError(f"replace would give more than {MOST_TEXT} characters")
    return text.replace(old, new, count)


GUARDS: Final[dict[str, Any]] = {
    "_fsm_mul": multiply, "_fsm_mod": modulo, "_fsm_add": add, "_fsm_shl": shift_left, "_fsm_pow": power,
    "_fsm_range": short_range, "_fsm_join": join, "_fsm_replace": replace,
}
_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Mult: "_fsm_mul", ast.Mod: "_fsm_mod", ast.Add: "_fsm_add", ast.LShift: "_fsm_shl", ast.Pow: "_fsm_pow",
}


def insert_guards(tree: ast.AST) -> ast.AST:
    """A new tree in which the dangerous operators and calls are guarded; the given tree stays as it is."""
    return cast(ast.AST, ast.fix_missing_locations(_Guarding().visit(copied(tree))))


class _Guarding(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = _OPERATORS.get(type(node.op))
        if name is None:
            return node
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [node.left, node.right], []), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Name(id="range"):
                node.func = ast.copy_location(ast.Name("_fsm_range", ast.Load()), node.func)
            case ast.Attribute(attr="join" | "replace" as method, value=value):
                node.args.insert(0, value)
                node.func = ast.copy_location(ast.Name(f"_fsm_{method}", ast.Load()), node.func)
        return node
