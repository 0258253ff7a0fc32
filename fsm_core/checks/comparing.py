"""Facts against facts: what a comparison decides, what ranges an operation gives."""

from __future__ import annotations

import ast
import math
from typing import Any

from fsm_core.checks.facts import NUMERIC, Fact, join_all

_WORDS = {"string": "text", "array": "a list", "integer": "a whole number", "number": "a number", "boolean": "true or false", "object": "a map of fields"}


def shown(fact: Fact) -> str:
    """The types of a fact, for a message."""
    return " or ".join(sorted(_WORDS.get(t, t) for t in fact.types))


def without_null(fact: Fact) -> Fact:
    """The fact of a value that is not null."""
    values = None if fact.values is None else frozenset(v for v in fact.values if v[0] != "null")
    return Fact(fact.types - {"null"}, fact.fields, fact.closed, fact.low, fact.high, values, fact.items)


def short(fact: Fact, truth: bool) -> Fact:
    """What an operand of and/or gives when it ends the chain."""
    made = without_null(fact) if truth else fact
    if made.values is not None:
        return Fact(made.types, values=frozenset(v for v in made.values if bool(v[1]) is truth))
    return made


def extreme(facts: list[Fact], name: str) -> Fact:
    """What min or max of several gives."""
    lows, highs = [f.low for f in facts], [f.high for f in facts]
    if name == "min":
        high, low = min((h for h in highs if h is not None), default=None), None if None in lows else min(x for x in lows if x is not None)
    else:
        low, high = max((x for x in lows if x is not None), default=None), None if None in highs else max(h for h in highs if h is not None)
    return Fact(join_all(facts).types, low=low, high=high)


def range_of(a: Fact, b: Fact, op: ast.operator) -> tuple[float | None, float | None]:
    """The least and the greatest result of an operation; None where a range is open."""
    bounds: list[Any] = [a.low, a.high, b.low, b.high]
    if None in bounds or any(not math.isfinite(x) for x in bounds):
        return None, None
    al, ah, bl, bh = bounds
    match op:
        case ast.Add():
            return al + bl, ah + bh
        case ast.Sub():
            return al - bh, ah - bl
        case ast.Mult():
            found = [x * y for x in (al, ah) for y in (bl, bh)]
            return min(found), max(found)
    return None, None


def decided(a: Fact, op: ast.cmpop, b: Fact) -> bool | None:
    """What a comparison says for every value, None where it depends."""
    match op:
        case ast.Is() | ast.IsNot() if b.types == {"null"}:
            truth = True if a.types == {"null"} else False if a.types and "null" not in a.types else None
            return truth if truth is None or isinstance(op, ast.Is) else not truth
        case ast.Eq() | ast.NotEq():
            truth = _equal(a, b)
            return truth if truth is None or isinstance(op, ast.Eq) else not truth
        case ast.In() | ast.NotIn() if b.types in ({"object"}, {"array"}) and a.values is not None:
            listed = set(b.fields) if b.closed else {v for _, v in b.items.values} if b.items and b.items.values is not None else None
            found = None if listed is None else {v in listed for _, v in a.values}
            truth = found.pop() if found and len(found) == 1 and (False in found or b.closed or len(b.items.values if b.items and b.items.values else ()) > 0) else None
            return truth if truth is None or isinstance(op, ast.In) else not truth
    if a.types <= NUMERIC and b.types <= NUMERIC:
        return _before(a, op, b)
    return None


def _equal(a: Fact, b: Fact) -> bool | None:
    kinds = [{"n" if t in NUMERIC else t for t in f.types} for f in (a, b)]
    if kinds[0] and kinds[1] and not kinds[0] & kinds[1]:
        return False
    if a.values is not None and b.values is not None:
        x, y = [v for _, v in a.values], [v for _, v in b.values]
        return False if not any(p == q for p in x for q in y) else True if len(x) == len(y) == 1 else None
    if a.types <= NUMERIC and b.types <= NUMERIC and _before(a, ast.Lt(), b) is True or (a.types <= NUMERIC and b.types <= NUMERIC and _before(b, ast.Lt(), a) is True):
        return False
    return None


def _before(a: Fact, op: ast.cmpop, b: Fact) -> bool | None:
    inf = math.inf
    al, ah = -inf if a.low is None else a.low, inf if a.high is None else a.high
    bl, bh = -inf if b.low is None else b.low, inf if b.high is None else b.high
    match op:
        case ast.Lt():
            return True if ah < bl else False if al >= bh else None
        case ast.LtE():
            return True if ah <= bl else False if al > bh else None
        case ast.Gt():
            return True if al > bh else False if ah <= bl else None
        case ast.GtE():
            return True if al >= bh else False if ah < bl else None
    return None
