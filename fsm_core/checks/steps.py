"""What each step of a state does to what is known of the record."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fsm_core.checks.comparing import shown, without_null
from fsm_core.checks.evaluating import Evaluator
from fsm_core.checks.facts import ALL, ANY, NOTHING, Fact, Field, constant, join, of, written
from fsm_core.checks.logic import expression
from fsm_core.checks.narrowing import Env, assume
from fsm_core.checks.notes import Notes
from fsm_core.definition import Code, Definition, Rules, State

OPEN = of("object")


class Steps:
    """Entering a state, over facts. An environment holds `data`, params, defines and the state's lets."""

    def __init__(self, definition: Definition, notes: Notes) -> None:
        self.notes = notes
        self.evaluator = Evaluator(notes, definition.trusted, _patterns(definition))
        self._trees: dict[int, tuple[Any, ast.expr | None]] = {}
        self.globals: dict[str, Fact] = {"params": constant_types(definition.params), "data": OPEN}
        for define in definition.defines:
            tree = self.tree(define.body)
            self.globals[define.name] = ANY if tree is None or define.parameters is not None else self.evaluator.of(tree, self.globals)

    def tree(self, code: Any) -> ast.expr | None:
        """The code as a plain expression, made once."""
        if id(code) not in self._trees:
            self._trees[id(code)] = (code, expression(code))
        return self._trees[id(code)][1]

    def value(self, code: Any, env: Env) -> Fact:
        """What a piece of code gives; ANY where it cannot be read."""
        self.notes.mark = getattr(code, "mark", None) or self.notes.mark
        tree = self.tree(code)
        return ANY if tree is None else self.evaluator.of(tree, env)

    def narrowed(self, code: Code, env: Env, truth: bool) -> Env | None:
        """The facts where the condition is so."""
        tree = self.tree(code)
        return env if tree is None else assume(tree, env, truth)

    def enter(self, state: State, data: Fact) -> Env | None:
        """The facts after the state's steps; None where none of them can succeed."""
        env: Env | None = {**self.globals, "data": data}
        env = self._validated(state, env)
        for let in state.lets if env is not None else ():
            assert env is not None
            env = {**env, let.name: self.value(let.template, env)}
        for rule in state.requires:
            if env is None:
                return None
            with self.notes.answering():
                self.value(rule.condition, env)
            if rule.message is not None:
                self.value(rule.message, {**env, "data": env["data"]})
            with self.notes.answering():
                env = self.narrowed(rule.condition, env, True)
        if env is None:
            return None
        for transform in state.transforms:
            env = {**env, "data": self._transformed(state, transform, env)}
        return self._rewritten(state, dict(env))

    def _validated(self, state: State, env: Env | None) -> Env | None:
        for rule in state.validates:
            if env is None:
                return None
            if isinstance(rule, Rules):
                env = {**env, "data": ruled(env["data"], rule)}
                env = None if env["data"].impossible else env
            elif self.tree(rule) is None:
                env = {**env, "data": OPEN}
            else:
                answer = self.value(rule, env)
                env = self.narrowed(rule, env, True) if answer.types <= {"boolean"} else env
        return env

    def _transformed(self, state: State, code: Code, env: Env) -> Fact:
        host = code.host
        if host is not None and host.args is not None:
            self.value(host.args, env)
        if host is not None and host.into:
            return written(env["data"], host.into, Field(ANY))
        made = self.value(code, env)
        if state.fan_out is True:
            return made.items if made.items is not None and "object" in made.items.types else OPEN
        if made.types != ALL and "object" not in made.types:
            self.notes.say(330, f"the transform of '{state.name}' gives {shown(made)}, and not a record")
        elif "null" in made.types and made.types != ALL and not (state.catches or state.on_error):
            self.notes.say(330, f"the transform of '{state.name}' can give null", "which is a failure: add on_error")
        return replace(made, types=frozenset(["object"])) if "object" in made.types else OPEN

    def _rewritten(self, state: State, env: dict[str, Fact]) -> Env:
        if state.record is not None:
            made = self.value(state.record, env)
            env["data"] = replace(without_null(made), types=frozenset(["object"]))
        for line in state.renames:
            env["data"] = _renamed(env["data"], line.source, line.target)
        for assign in state.assigns:
            self.notes.mark = assign.mark
            guard = getattr(assign, "guard", None)
            here = self.narrowed(guard, env, True) if guard is not None else env
            if here is None:
                continue
            value = self.value(assign.template, here)
            data = written(env["data"], assign.path, Field(value))
            env["data"] = data if guard is None else join(data, env["data"])
        for gone in state.removes:
            env["data"] = _removed(env["data"], gone.path)
        if state.keep is not None:
            data = env["data"]
            kept = {n: data.at(n) for n in state.keep if data.at(n).presence != "never"}
            env["data"] = replace(data, closed=True, described=False, fields=kept)
        if isinstance(state.fan_out, Code):
            items = self.value(state.fan_out, env).items
            env["data"] = OPEN if items is None or "object" not in items.types else replace(items, types=frozenset(["object"]))
        return env


def _patterns(definition: Definition) -> dict[str, str]:
    """The texts that `define` gives names to: `find` may be told its pattern by one."""
    return {d.name: d.body.tree.value for d in definition.defines if isinstance(d.body.tree, ast.Constant) and isinstance(d.body.tree.value, str)}


def constant_types(params: Mapping[str, Any]) -> Fact:
    """What params are: of their default's type, of any value."""
    def typed(value: Any) -> Fact:
        if value is None:
            return ANY
        fact = constant(value)
        return of("integer", "number") if fact.types <= {"integer", "number"} else Fact(fact.types)
    return of("object", fields={n: Field(typed(v)) for n, v in params.items()}, closed=True)


def ruled(data: Fact, rules: Rules) -> Fact:
    """The record after a declarative validate that was passed."""
    fields = dict(data.fields)
    for name in (*rules.required, *(n for n in (*rules.types, *rules.ranges) if n not in rules.required)):
        found = data.at(name) if name not in fields else fields[name]
        fact = found.fact if found.presence != "never" else NOTHING
        need = name in rules.required
        if need:
            fact = without_null(fact)
        if name in rules.types:
            kind = rules.types[name]
            allowed = {kind, "integer"} if kind == "number" else {kind}
            fact = replace(fact, types=fact.types & (allowed | (set() if need else {"null"})))
        if name in rules.ranges:
            low, high = rules.ranges[name]
            fact = replace(fact, types=fact.types & ({"integer", "number"} | (set() if need else {"null"})), low=_most(fact.low, low, max), high=_most(fact.high, high, min))
        if need and fact.impossible:
            return NOTHING
        fields[name] = Field(fact, "always" if need else found.presence)
    return replace(data, fields=fields)


def _most(a: float | None, b: float | None, choose: Any) -> float | None:
    return b if a is None else a if b is None else choose(a, b)


def _renamed(data: Fact, source: tuple[str, ...], target: tuple[str, ...]) -> Fact:
    found, at = Field(data), data
    for name in source:
        found = at.at(name) if "object" in at.types else Field(NOTHING, "never")
        at = found.fact
    if found.presence == "never":
        return data
    moved = written(_removed(data, source), target, replace(found, presence="always"))
    return moved if found.presence == "always" else join(moved, data) if found.presence != "unknown" else join(moved, _removed(data, source))


def _removed(data: Fact, path: tuple[str, ...]) -> Fact:
    name, rest = path[0], path[1:]
    if not rest:
        return replace(data, fields={**data.fields, name: Field(NOTHING, "never")})
    found = data.at(name)
    if "object" not in found.fact.types or found.presence == "never":
        return data
    return replace(data, fields={**data.fields, name: replace(found, fact=_removed(found.fact, rest))})
