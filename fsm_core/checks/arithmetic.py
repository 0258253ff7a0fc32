"""Operators and comparisons over facts."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from fsm_core.checks.comparing import decided, range_of, shown
from fsm_core.checks.facts import ALL, ANY, NUMERIC, Fact, constant, of
from fsm_core.checks.narrowing import default_of
from fsm_core.checks.notes import Notes
from fsm_core.checks.signatures import ADDABLE, BOOLEAN, NUMBER
from fsm_core.checks.writing import written

Env = Mapping[str, Fact]
_ARITHMETIC = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


class Arithmetic:
    """The half of the evaluator that is about operators. `trusted`: `'x' * 3` is a text."""

    notes: Notes
    trusted: bool

    def of(self, node: ast.expr, env: Env) -> Fact:
        """What an expression gives."""
        raise NotImplementedError

    def needs(self, fact: Fact, takes: frozenset[str] | set[str], node: ast.expr, what: str) -> None:
        """Say where a value is not of a type that is taken."""
        raise NotImplementedError

    def _binop(self, node: ast.BinOp, env: Env) -> Fact:
        a, b = self.of(node.left, env), self.of(node.right, env)
        if isinstance(node.op, ast.Add):
            self._added(a, b, node)
        elif isinstance(node.op, ast.Mult) and not self.trusted:
            # a safe machine multiplies numbers only
            self.needs(a, NUMERIC, node.left, "arithmetic with")
            self.needs(b, NUMERIC, node.right, "arithmetic with")
        elif isinstance(node.op, _ARITHMETIC):
            takes = NUMERIC | ({"string", "array"} if isinstance(node.op, ast.Mult) else {"string"} if isinstance(node.op, ast.Mod) else set())
            self.needs(a, takes, node.left, "arithmetic with")
            self.needs(b, takes, node.right, "arithmetic with")
        else:
            return ANY
        return self._number(a, b, node)

    def _added(self, a: Fact, b: Fact, node: ast.BinOp) -> None:
        self.needs(a, ADDABLE, node.left, "`+` with")
        self.needs(b, ADDABLE, node.right, "`+` with")
        kinds = [{"n" if t in NUMERIC else t for t in f.types & ADDABLE} for f in (a, b)]
        if kinds[0] and kinds[1] and not kinds[0] & kinds[1]:
            self.notes.say(320, f"`{written(node)}` adds {shown(a)} and {shown(b)}")

    def _number(self, a: Fact, b: Fact, node: ast.BinOp) -> Fact:
        if not (a.types <= NUMERIC and b.types <= NUMERIC):
            alike = a.types & b.types
            return Fact(alike) if isinstance(node.op, ast.Add) and len(alike) == 1 else of("integer", "number", "string", "array")
        whole = a.types | b.types <= {"integer", "boolean"} and not isinstance(node.op, ast.Div)
        low, high = range_of(a, b, node.op)
        if whole and high is not None and low is not None and max(high, -low) >= 2**64:
            self.notes.say(321, f"`{written(node)}` may exceed 64 bits", "clip() it, or say `maximum` in the input schema", rests_on_input=True)
        return Fact(frozenset(["integer"]) if whole else frozenset(["number"]) if isinstance(node.op, ast.Div) else NUMBER.types, low=low, high=high)

    def _unaryop(self, node: ast.UnaryOp, env: Env) -> Fact:
        value = self.of(node.operand, env)
        if isinstance(node.op, ast.Not):
            return BOOLEAN if value.truth is None else constant(not value.truth)
        self.needs(value, NUMERIC, node.operand, "the sign of")
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int | float):
            return constant(-node.operand.value)
        return Fact(value.types & NUMERIC or NUMBER.types)

    def _compare(self, node: ast.Compare, env: Env) -> Fact:
        left, here = self.of(node.left, env), []
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.of(right_node, env)
            here.append(self._compared(left, op, right, node))
            left = right
        truths = [f.truth for f in here]
        return constant(all(truths)) if None not in truths else constant(False) if False in truths else BOOLEAN

    def _compared(self, a: Fact, op: ast.cmpop, b: Fact, node: ast.Compare) -> Fact:
        if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            self._ordered(a, b, node)
        elif isinstance(op, ast.In | ast.NotIn):
            self.needs(b, frozenset(["array", "object", "string"]), node.comparators[0], "`in`")
        truth = decided(a, op, b)
        self.notes.decided(node, truth if isinstance(op, ast.Eq | ast.In) and "null" not in b.types else None)
        return BOOLEAN if truth is None else constant(truth)

    def _ordered(self, a: Fact, b: Fact, node: ast.Compare) -> None:
        a = default_of(node.left) or a  # if it does not fit, the whole does not
        kinds = [{"n" if t in NUMERIC else t for t in f.types} for f in (a, b)]
        if kinds[0] and kinds[1] and not kinds[0] & kinds[1]:
            self.notes.say(320, f"`{written(node)}` compares {shown(a)} with {shown(b)}")
        else:
            self.needs(a, ALL - {"null", "object"}, node.left, "the order of")
