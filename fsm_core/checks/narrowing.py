"""What a condition that was true, or false, says about the record."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fsm_core.checks.comparing import decided
from fsm_core.checks.facts import ALL, ANY, NUMERIC, Fact, Field, constant, of
from fsm_core.checks.logic import place
from fsm_core.checks.signatures import ISINSTANCE

Env = Mapping[str, Fact]
_HOLDS = frozenset(["string", "array", "object"])
_FLIPPED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
NEGATED = {ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
            ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}


def assume(node: ast.expr, env: Env, truth: bool) -> Env | None:
    """The facts where the condition is so; None where it cannot be."""
    match node:
        case ast.Constant(value=value):
            return env if bool(value) is truth else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return assume(operand, env, not truth)
        case ast.BoolOp(op=op, values=values):
            if isinstance(op, ast.And) is truth:
                return _all(values, env, truth)
            return _one_of(values, env, truth)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, type(op) if truth else NEGATED[type(op)], right, env)
        case ast.Compare(left=left, ops=ops, comparators=rights) if truth:
            parts = [ast.Compare(a, [o], [b]) for a, o, b in zip([left, *rights[:-1]], ops, rights, strict=True)]
            return _all(list(parts), env, True)
        case ast.Call(func=ast.Name(id="isinstance"), args=[value, kinds]):
            return _instance(value, kinds, env, truth)
        case ast.Call(func=ast.Name(id="matches"), args=[_, value]) if truth:
            return changed(env, value, lambda f: _only(f, frozenset(["string"])))
        case ast.Call(func=ast.Name(id="bool"), args=[value]):
            return assume(value, env, truth)
    path = _defaulted(node)
    if truth and path is not None and not any(bool(v) for _, v in path[1].values or [("", True)]):
        node = path[0]  # the default is not true: it was the field
    return changed(env, node, _truthy if truth else _falsy, certain=truth)


def default_of(node: ast.expr) -> Fact | None:
    """The literal that `coalesce` falls back on, None where there is none."""
    found = _defaulted(node)
    return None if found is None or found[1].types == {"null"} else found[1]


def _defaulted(node: ast.expr) -> tuple[ast.expr, Fact] | None:
    """The path and the literal of `coalesce(path, literal)`."""
    match node:
        case ast.Call(func=ast.Name(id="_fsm_coalesce"), args=[ast.Lambda(body=path), ast.Lambda(body=default)]) if place(path) is not None:
            other = _literal(default)
            return None if other is None else (path, other)
    return None


def _all(values: list[ast.expr], env: Env, truth: bool) -> Env | None:
    here: Env | None = env
    for value in values:
        here = None if here is None else assume(value, here, truth)
    return here


def _one_of(values: list[ast.expr], env: Env, truth: bool) -> Env | None:
    """Nothing is known but where only one operand is left, or all speak of the same place."""
    left = [v for v in values if assume(v, env, truth) is not None]
    if not left:
        return None
    return assume(left[0], env, truth) if len(left) == 1 else env


def changed(env: Env, node: ast.expr, how: Callable[[Fact], Fact], certain: bool = True) -> Env | None:
    """The facts with one place changed; None if no value is left there. `certain`: the place is there now."""
    found = place(node)
    if found is None or found[0] not in env:
        return env
    name, steps, lenient = found
    if not all(isinstance(s, str) for s in steps):
        return env
    made = _within(env[name], [str(s) for s in steps], how, certain, lenient)
    return None if made is None else {**env, name: made}


def _within(fact: Fact, steps: list[str], how: Callable[[Fact], Fact], certain: bool, lenient: bool) -> Fact | None:
    if not steps:
        made = how(fact)
        return None if made.impossible else made
    if "object" not in fact.types:
        return fact if lenient and not certain else None
    found = fact.at(steps[0])
    if found.presence == "never":
        absent = lenient and not how(of("null")).impossible
        return fact if absent else None
    below = _within(found.fact, steps[1:], how, certain, lenient)
    absent = lenient and not certain
    if below is None:
        if not absent or (found.presence == "always" and fact.types == {"object"}):
            return None
        # what is left: the field is not there
        return replace(fact, fields={**fact.fields, steps[0]: Field(found.fact, "never")}) if len(steps) == 1 and found.presence != "always" else fact
    if absent:
        return replace(fact, fields={**fact.fields, steps[0]: Field(below, found.presence)})
    return replace(_only(fact, frozenset(["object"])), fields={**fact.fields, steps[0]: Field(below, "always")})


def _only(fact: Fact, types: frozenset[str]) -> Fact:
    values = None if fact.values is None else frozenset(v for v in fact.values if v[0] in types)
    return replace(fact, types=fact.types & types, values=values, guessed=fact.guessed and "null" in types)


def _truthy(fact: Fact) -> Fact:
    made = _only(fact, ALL - {"null"})
    return made if made.values is None else replace(made, values=frozenset(v for v in made.values if v[1]))


def _falsy(fact: Fact) -> Fact:
    return fact if fact.values is None else replace(fact, values=frozenset(v for v in fact.values if not v[1]))


def _literal(node: ast.expr) -> Fact | None:
    try:
        return constant(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _compared(left: ast.expr, op: Any, right: ast.expr, env: Env) -> Env | None:
    asked = _defaulted(left)
    if asked is not None and decided(asked[1], op(), _literal(right) or _known(right, env)) is False:
        there = changed(env, asked[0], lambda f: _only(f, ALL - {"null"}))  # the default is not so: it was the field
        return None if there is None else _compared(asked[0], op, right, there)
    if place(left) is None and place(right) is not None and op in _FLIPPED:
        return _compared(right, _FLIPPED[op], left, env)
    if op in (ast.In, ast.NotIn):
        return _member(left, op is ast.In, right, env)
    if place(left) is None and place(right) is not None and op in (ast.Eq, ast.NotEq):
        left, right = right, left
    other = _literal(right)
    if other is None:
        other = _placed(right, env)
    if other is None:
        return env
    if other.types == {"null"}:
        is_null = op in (ast.Is, ast.Eq)
        return changed(env, left, lambda f: _only(f, frozenset(["null"]) if is_null else ALL - {"null"}), certain=not is_null)
    if op in (ast.Eq, ast.NotEq, ast.Is, ast.IsNot):
        return changed(env, left, lambda f: _equal(f, other) if op in (ast.Eq, ast.Is) else _unequal(f, other), certain=op in (ast.Eq, ast.Is))
    return changed(env, left, lambda f: _ordered(f, op, other))


def _known(node: ast.expr, env: Env) -> Fact:
    return env.get(node.id, ANY) if isinstance(node, ast.Name) else ANY


def _types_at(fact: Fact, steps: tuple[str | int, ...]) -> frozenset[str]:
    for step in steps:
        fact = fact.at(str(step)).fact
    return fact.types


def _placed(node: ast.expr, env: Env) -> Fact | None:
    found = place(node)
    if found is None or found[0] not in env:
        return None
    fact = env[found[0]]
    for step in found[1]:
        fact = fact.at(str(step)).fact
    return fact if fact.types <= NUMERIC and fact.values is not None else None


def _equal(fact: Fact, other: Fact) -> Fact:
    kinds = NUMERIC if other.types & NUMERIC else other.types
    if other.values is None:
        return _only(fact, kinds)
    wanted = next(iter(other.values))
    if fact.values is not None and not any(v == wanted[1] for _, v in fact.values):
        return replace(fact, types=frozenset())
    if other.low is not None and ((fact.low is not None and other.low < fact.low) or (fact.high is not None and other.low > fact.high)):
        return replace(fact, types=frozenset())
    return replace(fact, types=fact.types & kinds, values=other.values, low=other.low, high=other.high, guessed=False)


def _unequal(fact: Fact, other: Fact) -> Fact:
    if other.values is None or fact.values is None:
        return fact
    wanted = next(iter(other.values))[1]
    return replace(fact, values=frozenset(v for v in fact.values if v[1] != wanted))


def _ordered(fact: Fact, op: Any, other: Fact) -> Fact:
    kinds = NUMERIC if other.types & NUMERIC else other.types
    made = _only(fact, kinds)
    if other.low is None or other.low != other.high:
        return made
    low, high = made.low, made.high
    whole = made.types <= {"integer", "boolean"}
    if op in (ast.Gt, ast.GtE):
        after = math.floor(other.low) + 1 if whole else math.nextafter(other.low, math.inf)
        bound = after if op is ast.Gt else math.ceil(other.low) if whole else other.low
        low = bound if low is None else max(low, bound)
    else:
        before = math.ceil(other.low) - 1 if whole else math.nextafter(other.low, -math.inf)
        bound = before if op is ast.Lt else math.floor(other.low) if whole else other.low
        high = bound if high is None else min(high, bound)
    return replace(made, low=low, high=high)


def _member(left: ast.expr, inside: bool, right: ast.expr, env: Env) -> Env | None:
    if isinstance(left, ast.Constant) and isinstance(left.value, str):
        known = place(right)
        if known is None or known[0] != "data" or not inside:
            return env
        if _types_at(env["data"], known[1]) != {"object"}:  # a text or a list may hold it as well
            return changed(env, right, lambda f: _only(f, _HOLDS))
        return changed(env, ast.Subscript(right, ast.Constant(left.value), ast.Load()), lambda f: f)
    other = _literal(right)
    if other is None:
        found = place(right)
        other = env.get(found[0]) if found is not None and not found[1] else None
    if other is None:
        return env
    values: frozenset[tuple[str, Any]] | None = frozenset(("string", n) for n in other.fields) if other.closed else None if other.items is None else other.items.values
    if values is None:
        return env
    if inside:
        return changed(env, left, lambda f: _among(f, values))
    listed = {v for _, v in values}
    return changed(env, left, lambda f: f if f.values is None else replace(f, values=frozenset(v for v in f.values if v[1] not in listed)), certain=False)


def _among(fact: Fact, values: frozenset[tuple[str, Any]]) -> Fact:
    kept = values if fact.values is None else frozenset(v for v in fact.values if v[1] in {w for _, w in values})
    kinds = frozenset(k for k, _ in kept)
    types = fact.types & (kinds | (NUMERIC if kinds & NUMERIC else frozenset()))
    return replace(fact, types=types, values=kept, guessed=False)


def _instance(value: ast.expr, kinds: ast.expr, env: Env, truth: bool) -> Env | None:
    listed = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
    names = [n.id for n in listed if isinstance(n, ast.Name)]
    if len(names) != len(listed) or any(n not in ISINSTANCE for n in names):
        return env
    types = frozenset(t for n in names for t in ISINSTANCE[n])
    return changed(env, value, lambda f: _only(f, types if truth else ALL - types), certain=truth)
