"""Whether a machine may put the same part of a record into its output many times over: small in memory, and huge when written.

An estimate by the text alone, for safe machines: it errs to yes, which costs a look at each output before it is encoded.
"""

from __future__ import annotations

import ast
from math import log2
from typing import Final

from fsm_core.definition import Code, Definition, State
from fsm_core.engine.graph import cyclic_states
from fsm_core.expressions import path_of
from fsm_core.expressions.outer import ASKING, SCALAR

_MOST_BITS: Final = 6.0
"""So often may a part stand in an output, as a power of two, before outputs are looked at."""
_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Mention = tuple[str, tuple[str | int, ...]]


def multiplies(definition: Definition) -> bool:
    """Whether outputs of the machine have to be measured."""
    return not definition.trusted and _Estimate(definition).bits() > _MOST_BITS


class _Estimate:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._cyclic = cyclic_states(definition)
        self._many = False
        self._data = "data"
        self._scalars: set[str] = {"params"}
        self._factors: dict[str, int] = {}
        self._written = {a.path[0] for s in definition.states.values() for a in s.assigns}
        self._written |= {r.target[0] for s in definition.states.values() for r in s.renames}
        self._written |= {c.host.into[0] for s in definition.states.values() for c in s.transforms if c.host is not None and c.host.into}

    def bits(self) -> float:
        """How often a part may stand in an output, as a power of two."""
        total, raw = self._defines(), list[Mention]()
        for state in self._definition.states.values():
            here = self._state(state, raw)
            total += here * (1000 if state.name in self._cyclic else 1)
        for arc in self._definition.arcs:
            here = sum(self._factor(code) for code in arc.transforms)
            total += here * (1000 if arc.source in self._cyclic else 1)
        return 1000.0 if self._many else total + log2(1 + _overlap(raw))

    def _defines(self) -> float:
        total = 0.0
        for define in self._definition.defines:
            mentions = self._mentions(define.body)
            if define.parameters is not None:
                self._factors[define.name] = max(1, _overlap(mentions))
            elif not mentions:
                self._scalars.add(define.name)
            total += log2(max(1, _overlap(mentions))) if define.parameters is None else 0.0
        return total

    def _state(self, state: State, raw: list[Mention]) -> float:
        lets = set[str]()
        total = 0.0
        for let in state.lets:
            mentions = self._mentions(let.template)
            total += log2(max(1, _overlap(mentions)))
            if not mentions and let.name not in self._scalars:
                lets.add(let.name)
                self._scalars.add(let.name)
        total += sum(self._factor(code) for code in state.transforms)
        total += 0.0 if state.record is None else self._factor(state.record)
        for assign in state.assigns:
            for mention in self._mentions(assign.template):
                if mention[0] == "data" and mention[1] and mention[1][0] not in self._written:
                    raw.append(mention)
                else:
                    total += 1
        if isinstance(state.fan_out, Code):
            total += self._children(state.fan_out)
        self._scalars -= lets
        return total

    def _children(self, code: Code) -> float:
        """Children are written one by one: that each of them holds the same part is no matter here."""
        match code.tree:
            case ast.List(elts=[ast.Starred(value=ast.ListComp() as loop)]) | (ast.ListComp() as loop):
                return log2(max(1, _overlap(self._kept(loop.elt))))
        return self._factor(code)

    def _factor(self, code: Code) -> float:
        return log2(max(1, _overlap(self._mentions(code))))

    def _mentions(self, code: Code) -> list[Mention]:
        tree, self._data = code.tree, "data"
        if isinstance(tree, ast.Lambda):
            if len(tree.args.args) == 2:
                self._data = tree.args.args[0].arg
            tree = tree.body
        return [] if tree is None else self._kept(tree)

    def _all(self, nodes: list[ast.expr]) -> list[Mention]:
        return [mention for node in nodes for mention in self._kept(node)]

    def _kept(self, node: ast.AST) -> list[Mention]:
        """What the value of an expression may hold on to."""
        found = path_of(node)
        if found is not None:
            return self._path(found[0], found[1])
        match node:
            case ast.Subscript(value=value) | ast.Attribute(value=value) | ast.Starred(value=value):
                return self._kept(value)
            case ast.BinOp(left=left, op=ast.Add() | ast.BitOr(), right=right) | ast.IfExp(body=left, orelse=right):
                return self._all([left, right])
            case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
                return self._all(parts)
            case ast.JoinedStr(values=parts):
                return self._all([part.value for part in parts if isinstance(part, ast.FormattedValue)])
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name not in SCALAR:
                return self._all([*args, *(k.value for k in keywords)]) * min(self._factors.get(name, 1), 100)
            case ast.Call(func=ast.Attribute(value=value, attr=method), args=args) if method not in ASKING:
                return self._all([value, *args])
        return self._loop(node) if isinstance(node, _LOOPS) else []

    def _path(self, base: ast.expr, steps: tuple[str | int, ...]) -> list[Mention]:
        if not isinstance(base, ast.Name):
            return [("context", ())] if isinstance(base, ast.Attribute) and base.attr == "context" else []
        name = "data" if base.id == self._data else base.id
        return [] if name in self._scalars else [(name, steps)]

    def _loop(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> list[Mention]:
        """What it goes through, as often as an item is kept. What it keeps from outside it keeps as often as it goes round."""
        names = {n.id for part in node.generators for n in ast.walk(part.target) if isinstance(n, ast.Name)}
        inside = self._kept(node.value if isinstance(node, ast.DictComp) else node.elt)
        own = [mention for mention in inside if mention[0] in names]
        self._many = self._many or len(own) < len(inside)
        return self._kept(node.generators[0].iter) * min(_overlap(own), 100)


def _overlap(mentions: list[Mention]) -> int:
    """How often the same part may be among them; two names may stand for the same."""
    by_name: dict[str, list[tuple[str | int, ...]]] = {}
    for name, steps in mentions:
        by_name.setdefault(name, []).append(steps)
    return sum(max(sum(_same(one, other) for other in paths) for one in set(paths)) for paths in by_name.values())


def _same(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> bool:
    return one[:len(other)] == other[:len(one)]


