"""Conditions that are ranges of one value: what none of them takes, and what two of them do (215)."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fsm_core.checks.logic import place
from fsm_core.checks.writing import written
from fsm_core.definition import Arc, Finding

_FLIPPED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq}


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`; `open_low` and `open_high`: without the bound itself."""

    what: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    @property
    def empty(self) -> bool:
        """No number is in it."""
        return self.low > self.high or (self.low == self.high and (self.open_low or self.open_high))

    def within(self, other: Range) -> Range:
        """What is in both."""
        low, open_low = max((self.low, self.open_low), (other.low, other.open_low))
        high, closed_high = min((self.high, not self.open_high), (other.high, not other.open_high))
        return Range(self.what, low, high, open_low, not closed_high)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.what} = {self.low:g}"
        if math.isinf(self.low):
            return f"{self.what} {'<' if self.open_high else '<='} {self.high:g}"
        if math.isinf(self.high):
            return f"{self.what} {'>' if self.open_low else '>='} {self.low:g}"
        return f"{self.low:g} {'<' if self.open_low else '<='} {self.what} {'<' if self.open_high else '<='} {self.high:g}"


def range_of_condition(node: ast.expr | None) -> Range | None:
    """The range that a condition is, None where it is anything else."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [left, *rights]
            return _meet([_side(a, op, b) for a, op, b in zip(sides[:-1], ops, rights, strict=True)])
        case ast.BoolOp(op=ast.And(), values=values):
            return _meet([range_of_condition(v) for v in values])
    return None


def _meet(parts: Sequence[Range | None]) -> Range | None:
    made: Range | None = None
    for part in parts:
        if part is None or (made is not None and part.what != made.what):
            return None
        made = part if made is None else made.within(part)
    return made


def _side(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Range | None:
    number = _number(right)
    if number is None:
        number, left, kind = _number(left), right, _FLIPPED.get(type(op))
    else:
        kind = type(op) if type(op) in _FLIPPED else None
    if number is None or kind is None or place(left) is None:
        return None
    what = _shown(left)
    if kind is ast.Eq:
        return Range(what, number, number)
    return Range(what, low=number, open_low=kind is ast.Gt) if kind in (ast.Gt, ast.GtE) else Range(what, high=number, open_high=kind is ast.Lt)


def _shown(node: ast.expr) -> str:
    """A path as its author writes it."""
    found = place(node)
    return written(node) if found is None else ".".join(str(s) for s in (found[0], *found[1]))


def _number(node: ast.expr) -> float | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53 else None


def range_findings(name: str, arcs: Sequence[tuple[Arc, ast.expr | None]], leaves: bool) -> Iterator[Finding]:
    """What the ranges out of a state leave out (where it `leaves` records over), and what two of them share."""
    ranges = [(arc, found) for arc, guard in arcs if (found := range_of_condition(guard)) is not None]
    for i, (arc, one) in enumerate(ranges):
        for before, other in ranges[:i]:
            both = one.within(other)
            if one.what == other.what and not both.empty and both not in (one, other):
                yield Finding(215, "warning", f"{both} meets the conditions of {before.name} and of {arc.name}", arc.mark, f"{before.name} is taken: is that what is meant?")
    if leaves and len(ranges) == len(arcs) > 1 and len({r.what for _, r in ranges}) == 1:
        for gap in _gaps([r for _, r in ranges]):
            yield Finding(215, "warning", f"no arc out of '{name}' takes {gap}", arcs[-1][0].mark, "widen a condition, or add an arc with `else: true`")


def _gaps(ranges: list[Range]) -> Iterator[Range]:
    rest = Range(ranges[0].what)
    for one in sorted(ranges, key=lambda r: (r.low, r.open_low)):
        gap = rest.within(Range(rest.what, high=one.low, open_high=not one.open_low))
        if not gap.empty and gap.low != math.inf:
            yield gap
        after = Range(rest.what, low=one.high, open_low=not one.open_high)
        rest = rest.within(after) if (after.low, after.open_low) > (rest.low, rest.open_low) else rest
    if not rest.empty and not math.isinf(rest.low):
        yield replace(rest)
