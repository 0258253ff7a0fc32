"""Which expressions can bring a NaN or an infinity into a record.

JSON that was read has none. A path on which none can arise needs no search for `null` in what orjson wrote, which
costs as much as writing it.
"""

from __future__ import annotations

import ast
import math
from typing import Literal

Verdict = Literal["safe", "number", "scalar", "unknown"]
"""safe: cannot hold one. number: is a number that has to be looked at. scalar: may be one itself, but holds none if it
is no float. unknown: may hold one anywhere in it."""

_SAFE_CALLS = frozenset(["all", "any", "bool", "isinstance", "len", "str", "text", "to_int", "_fsm_str", "_fsm_text", "_fsm_int"])
_TEXT_METHODS = frozenset(["capitalize", "casefold", "endswith", "isalpha", "isdigit", "lower", "lstrip", "replace", "rstrip",
                           "split", "splitlines", "startswith", "strip", "title", "upper"])
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)


def verdict(tree: ast.expr, unsafe: frozenset[str]) -> Verdict:
    """What can be said of an expression over locals and the record; all but the `unsafe` of them have no NaN or infinity."""
    if _is_safe(tree, unsafe):
        return "safe"
    if is_number(tree):
        return "number"
    return "scalar" if _is_scalar(tree, unsafe) else "unknown"


def _is_scalar(tree: ast.expr, unsafe: frozenset[str]) -> bool:
    """Operators make no NaN inside of a text or a list: it is the result itself, or there is none."""
    match tree:
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            parts = [one, other]
        case ast.UnaryOp(operand=one):
            parts = [one]
        case ast.BoolOp(values=parts):
            pass
        case ast.Call(func=ast.Name(id="min" | "max"), args=[_, _, *_] as parts, keywords=[]):
            pass
        case ast.Call(func=ast.Name(id="_fsm_mul" | "_fsm_add" | "_fsm_mod" | "_fsm_pow" | "_fsm_coalesce"), args=parts):
            pass
        case ast.Call(func=ast.Name(id="round" | "abs" | "float"), args=[first, *_]):
            parts = [first]
        case _:
            return False
    return all(_is_safe(part, unsafe) or _is_scalar(part, unsafe) for part in parts)


def _is_safe(tree: ast.expr, unsafe: frozenset[str]) -> bool:
    def safe(part: ast.expr) -> bool:
        return _is_safe(part, unsafe)

    match tree:
        case ast.Constant(value=value):
            return not isinstance(value, float) or math.isfinite(value)
        case ast.Compare() | ast.JoinedStr() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.IfExp(body=one, orelse=other):
            return safe(one) and safe(other)
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=int() | float() as by)):
            return 1 <= abs(by) < 1e300 and safe(left)
        case ast.Call(func=ast.Name(id="min" | "max"), args=[_, _, *_] as items, keywords=[]):
            return all(map(safe, items))
        case ast.BoolOp(values=items) | ast.List(elts=items) | ast.Dict(values=items):
            return all(map(safe, items))
        case ast.Call(func=ast.Name(id="_fsm_coalesce"), args=args):
            return all(map(safe, args))
        case ast.Call(func=ast.Name(id="_fsm_read"), args=[first, _]) | ast.Starred(value=first) | ast.Call(
                func=ast.Name(id="_fsm_loop" | "_fsm_inner"), args=[first, *_]):
            return safe(first)
        case ast.Call(func=ast.Name(id=name), args=args):
            return name in _SAFE_CALLS and (name != "to_int" or len(args) == 1)
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=args):
            return name in _TEXT_METHODS or (name == "get" and all(map(safe, [value, *args])))
        case ast.Subscript(value=value):
            return safe(value)
        case ast.Name(id=name):
            return name.startswith("_") and name not in unsafe
        case _:
            return False


def is_number(tree: ast.expr) -> bool:
    """Arithmetic with a number in the text is a number or raises, whatever the record holds; so are the guards' products."""
    match tree:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _ARITHMETIC):
            return any(isinstance(x, ast.Constant) and type(x.value) is float for x in (left, right)) or (
                is_number(left) and is_number(right))
        case ast.Call(func=ast.Name(id="_fsm_mul" | "_fsm_mod"), args=[_, _]):
            return True
        case ast.Call(func=ast.Name(id="_fsm_add"), args=[left, right]):
            return is_number(left) or is_number(right)
        case ast.Call(func=ast.Name(id="round" | "abs"), args=[first, *_]):
            return is_number(first)
        case _:
            return False
