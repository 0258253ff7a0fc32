"""An expression over facts instead of values: what it gives, and what is odd in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from fsm_core.checks.arithmetic import Arithmetic
from fsm_core.checks.calling import Calls
from fsm_core.checks.comparing import short, shown
from fsm_core.checks.facts import ALL, ANY, Fact, constant, join, join_all, of
from fsm_core.checks.facts import Field as FactField
from fsm_core.checks.narrowing import assume, default_of
from fsm_core.checks.notes import Notes
from fsm_core.checks.signatures import NUMBER, TEXT
from fsm_core.checks.writing import written
from fsm_core.expressions.placing import mark_of

Env = Mapping[str, Fact]


class Evaluator(Calls, Arithmetic):
    """Facts of expressions; what it finds goes to the notes. `patterns`: the texts that define gives names to."""

    def __init__(self, notes: Notes, trusted: bool = True, patterns: Mapping[str, str] | None = None) -> None:
        self.notes, self.trusted, self.patterns = notes, trusted, patterns or {}

    def of(self, node: ast.expr, env: Env) -> Fact:
        """What the expression gives."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        before, self.notes.mark = self.notes.mark, mark_of(node, self.notes.mark)
        made: Fact = self._parts(node, env) if method is None else method(node, env)
        self.notes.mark = before
        return made

    def _parts(self, node: ast.AST, env: Env) -> Fact:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.of(child, env)
        return ANY

    def _constant(self, node: ast.Constant, env: Env) -> Fact:
        return constant(node.value)

    def _name(self, node: ast.Name, env: Env) -> Fact:
        return env.get(node.id, ANY)

    def _attribute(self, node: ast.Attribute, env: Env) -> Fact:
        if isinstance(node.value, ast.Name) and node.value.id == "state":
            return NUMBER if node.attr == "now" else ANY
        return self._parts(node, env)

    def _joinedstr(self, node: ast.JoinedStr, env: Env) -> Fact:
        self._parts(node, env)
        return TEXT

    def _formattedvalue(self, node: ast.FormattedValue, env: Env) -> Fact:
        self.of(node.value, env)
        return TEXT

    def _lambda(self, node: ast.Lambda, env: Env) -> Fact:
        return self.of(node.body, {**env, **{a.arg: ANY for a in node.args.args}})

    def _subscript(self, node: ast.Subscript, env: Env) -> Fact:
        base = self.of(node.value, env)
        if isinstance(node.slice, ast.Slice):
            self.needs(base, frozenset(["string", "array"]), node.value, "a slice of")
            return Fact(base.types & {"string", "array"} or ALL, items=base.items)
        key = self.of(node.slice, env)
        if not isinstance(node.slice, ast.Constant):
            return self._looked_up(base, key, node)
        if not isinstance(node.slice.value, str):
            self.needs(base, frozenset(["string", "array"]), node.value, "an item of")
            return base.items or ANY
        self.needs(base, frozenset(["object"]), node.value, f"the field '{node.slice.value}' of")
        found = base.at(node.slice.value) if "object" in base.types else FactField(ANY, "unknown")
        self.notes.read(node, found.presence)
        return ANY if found.presence == "never" else found.fact

    def _looked_up(self, base: Fact, key: Fact, node: ast.Subscript) -> Fact:
        if base.types != {"object"} or not base.closed or not base.fields:
            return base.items or ANY
        if key.values is None or any(k not in base.fields for _, k in key.values):
            self.notes.say(313, f"'{written(node.slice)}' may be no key of the table '{written(node.value)}'",
                           rests_on_input=key.types == ALL or key.values is None)
        return join_all([f.fact for f in base.fields.values()])

    def _boolop(self, node: ast.BoolOp, env: Env) -> Fact:
        facts: list[Fact] = []
        here, wanted = env, isinstance(node.op, ast.And)
        for i, part in enumerate(node.values):
            fact = self.of(part, here)
            last = i == len(node.values) - 1
            facts.append(fact if last else short(fact, not wanted))
            if fact.truth is (not wanted):
                return join_all([*facts[:-1], fact])
            below = assume(part, here, wanted)
            if below is None:
                break
            here = below
        return join_all(facts)

    def _ifexp(self, node: ast.IfExp, env: Env) -> Fact:
        test = self.of(node.test, env)
        if isinstance(node.test, ast.Constant):
            self.notes.say(212, f"the condition `{written(node.test)}` is always {str(bool(node.test.value)).lower()}", "a condition compares something, as in data.x > 1")
        sides = [(node.body, True), (node.orelse, False)]
        made = []
        for part, truth in sides:
            here = assume(node.test, env, truth)
            if here is not None and test.truth is not (not truth):
                made.append(self.of(part, here))
        return join_all(made) if made else ANY

    def _dict(self, node: ast.Dict, env: Env) -> Fact:
        fields: dict[str, FactField] = {}
        closed = True
        for key, value in zip(node.keys, node.values, strict=True):
            fact = self.of(value, env)
            if key is None:
                closed = closed and fact.closed
                fields |= {n: f if f.presence == "always" or n not in fields else FactField(join(f.fact, fields[n].fact), fields[n].presence) for n, f in fact.fields.items()}
                continue
            if not isinstance(key, ast.Constant):
                self.of(key, env)
                closed = False
                continue
            fields[str(key.value)] = FactField(fact)
        return of("object", fields=fields, closed=closed)

    def _list(self, node: ast.List | ast.Tuple, env: Env) -> Fact:
        facts = [self.of(e.value, env).items or ANY if isinstance(e, ast.Starred) else self.of(e, env) for e in node.elts]
        return of("array", items=join_all(facts) if facts else None)

    _tuple = _list

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, env: Env) -> Fact:
        here = self._looped(node.generators, env)
        return of("array", items=self.of(node.elt, here))

    _generatorexp = _setcomp = _listcomp

    def _dictcomp(self, node: ast.DictComp, env: Env) -> Fact:
        here = self._looped(node.generators, env)
        self.of(node.key, here)
        self.of(node.value, here)
        return of("object")

    def _looped(self, generators: list[ast.comprehension], env: Env) -> dict[str, Fact]:
        here = dict(env)
        for loop in generators:
            source, item = self.of(loop.iter, here), ANY
            match loop.iter:
                case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]) if isinstance(loop.target, ast.Tuple) and len(loop.target.elts) == 2:
                    inner_items = self.of(inner, here).items or ANY
                    here |= dict(zip(_names(loop.target), (of("integer"), inner_items), strict=False))
                case _:
                    self.needs(source, frozenset(["array", "object", "string"]), loop.iter, "a loop over")
                    item = source.items or ANY
                    here |= {n: item if isinstance(loop.target, ast.Name) else ANY for n in _names(loop.target)}
            for condition in loop.ifs:
                self.of(condition, here)
                here = dict(assume(condition, here, True) or here)
        return here

    def needs(self, fact: Fact, takes: frozenset[str] | set[str], node: ast.expr, what: str) -> None:
        """Say 320 where the value is never, or not always, of a type that the operation takes; a literal default is looked at by itself."""
        default = default_of(node)
        if default is not None and not default.types & (takes | {"null"}):
            self.notes.say(320, f"{what} `{written(node)}`, which falls back on {shown(default)}")
        if fact.types and not fact.types & takes:
            self.notes.say(320, f"{what} `{written(node)}`, which is {shown(fact)}")
        elif "null" in fact.types and (fact.types != ALL or fact.guessed) and "null" not in takes:
            self.notes.nullable(f"{what} `{written(node)}`, which may be null", fact.guessed)


def _names(target: ast.expr) -> Iterator[str]:
    return (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
