"""The record's facts along every way through a machine, to a fixpoint; then every finding about them, once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from fsm_core.checks.facts import ALL, Fact, from_schema, join, widened
from fsm_core.checks.narrowing import Env, assume
from fsm_core.checks.notes import Notes
from fsm_core.checks.steps import OPEN, Steps
from fsm_core.definition import Arc, Definition, Finding, State, Switch, Way

Point = tuple[str, tuple[str, ...]]
"""A state, and where the networks that were pushed come back to."""
_PATIENCE = 6


class Flow:
    """`covered`: states whose arcs leave no record over, `decided`: arcs by what their condition always says."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.notes = Notes(definition.input_schema is not None)
        self.steps = Steps(definition, self.notes)
        self.arcs = {name: definition.arcs_from(name) for name in definition.states}
        self.entry: dict[Point, Fact] = {}
        self.left_over: set[str] = set()
        self.visited: set[str] = set()
        self.verdicts: dict[int, tuple[Arc, set[bool | None]]] = {}
        self.ends: dict[str, Fact] = {}

    def run(self) -> None:
        """Analyse."""
        schema = from_schema(self.definition.input_schema) if self.definition.input_schema is not None else OPEN
        start: Point = (self.definition.start, ())
        self.entry = {start: replace(schema, types=frozenset(["object"]))}
        open_, visits = [start], dict[Point, int]()
        while open_:
            point = open_.pop(0)
            visits[point] = visits.get(point, 0) + 1
            for target, fact in self._leads(point):
                known = self.entry.get(target)
                made = fact if known is None else join(known, fact)
                if visits.get(target, 0) > _PATIENCE:
                    made = widened(made)
                if made != known and visits.get(target, 0) < 4 * _PATIENCE:
                    self.entry[target] = made
                    if target not in open_:
                        open_.append(target)
        self.notes.clear()
        self.left_over.clear()
        self.verdicts.clear()
        self.ends.clear()
        for point in self.entry:
            list(self._leads(point))

    def _leads(self, point: Point) -> Iterator[tuple[Point, Fact]]:
        name, stack = point
        state, before = self.definition.states[name], self.entry[point]
        self.notes.mark = state.mark
        env = self.steps.enter(state, before)
        for catch in state.catches:
            yield (catch.to, stack), before
        if state.on_error is not None and not state.catches:
            yield (state.on_error, stack), before
        if env is None:
            return
        self.visited.add(name)
        if state.is_end and state.returns and stack:
            yield (stack[-1], stack[:-1]), env["data"]
        elif state.is_end:
            self._ended(state, env)
        else:
            yield from self._arcs(state, env, stack)

    def _ended(self, state: State, env: Env) -> None:
        known = self.ends.get(state.name)
        self.ends[state.name] = env["data"] if known is None else join(known, env["data"])
        for part in (state.key, state.timestamp, state.message, *(t for _, t in state.headers)):
            if part is None:
                continue
            fact = self.steps.value(part, env)
            if part is state.key and state.tombstone and "null" in fact.types:
                self.notes.say(323, f"the key of the tombstone '{state.name}' may be null", rests_on_input=fact.types == ALL)

    def _arcs(self, state: State, env: Env, stack: tuple[str, ...]) -> Iterator[tuple[Point, Fact]]:
        here: Env | None = env
        for arc in self.arcs[state.name]:
            if here is None:
                self._verdict(arc, False)
                continue
            taken: Env | None = here
            if arc.switch is not None:
                yield from self._switched(arc.switch, here, stack)
                self._messaged(arc, here)
                here = None if arc.switch.default is not None or self._all_cased(arc.switch, here) else here
                continue
            if arc.condition is not None:
                truth = self.steps.value(arc.condition, here).truth
                taken = None if truth is False else self.steps.narrowed(arc.condition, here, True)
                after = None if truth is True else self.steps.narrowed(arc.condition, here, False)
                self._verdict(arc, truth if truth is not None else False if taken is None else True if after is None else None)
                here = after
            else:
                here = None
            if taken is not None:
                self._messaged(arc, taken)
                data = self._moved(arc, taken)
                yield self._way(Way(arc.target, arc.push), stack), data
        if here is not None:
            self.left_over.add(state.name)

    def _messaged(self, arc: Arc, env: Env) -> None:
        if arc.message is not None:
            self.steps.value(arc.message, env)

    def _moved(self, arc: Arc, env: Env) -> Fact:
        data = env["data"]
        for transform in arc.transforms:
            made = self.steps.value(transform, {**env, "data": data})
            data = replace(made, types=frozenset(["object"])) if "object" in made.types else OPEN
        return data

    def _verdict(self, arc: Arc, truth: bool | None) -> None:
        self.verdicts.setdefault(id(arc), (arc, set()))[1].add(truth)

    def _switched(self, switch: Switch, env: Env, stack: tuple[str, ...]) -> Iterator[tuple[Point, Fact]]:
        fact = self.steps.value(switch.on, env)
        if fact.values is not None:
            listed = {v for _, v in fact.values}
            for case in switch.cases:
                if case not in listed:
                    near = get_close_matches(case, [str(v) for v in listed], 1)
                    self.notes.say(216, f"the switch has a case '{case}' that `{switch.on.source}` never gives", f"did you mean '{near[0]}'?" if near else "")
            if switch.default is None or self.notes.schema:
                for value in sorted(str(v) for k, v in fact.values if k == "string" and v not in switch.cases):
                    if switch.default is None:
                        self.notes.say(216, f"no case of the switch takes '{value}'", "add a case for it, or a `default`")
        elif fact.types != ALL and "string" not in fact.types:
            self.notes.say(320, f"the switch is over `{switch.on.source}`, which is no text")
        tree = self.steps.tree(switch.on)
        for case, way in switch.cases.items():
            taken = env if tree is None else assume(ast.Compare(tree, [ast.Eq()], [ast.Constant(case)]), env, True)
            if taken is not None:
                yield self._way(way, stack), taken["data"]
        if switch.default is not None:
            yield self._way(switch.default, stack), env["data"]

    def _all_cased(self, switch: Switch, env: Env) -> bool:
        fact = self.steps.value(switch.on, env)
        return fact.values is not None and all(kind == "string" and value in switch.cases for kind, value in fact.values)

    def _way(self, way: Way, stack: tuple[str, ...]) -> Point:
        if way.push is None:
            return way.target, stack
        return self.definition.networks[way.push].start, (*stack, way.target)

    def findings(self) -> Iterator[Finding]:
        """Everything about data, and the keys of each end."""
        yield from self.notes.findings
        for arc, truths in self.verdicts.values():
            if truths == {False}:
                yield Finding(211, "info" if arc.is_else else "warning",  # an else in case of need is no mistake
                               f"the arc {arc.name} is never taken", arc.mark, "what is known here makes its condition false, or an arc before it takes all")
        for name, fact in self.ends.items():
            state = self.definition.states[name]
            if state.outcome != "error":
                yield Finding(900, "info", f"'{name}' ends with {_keys(fact)}", state.mark)


def _keys(fact: Fact) -> str:
    told = {"always", "maybe", "some"} | ({"unknown"} if fact.closed else set())
    shown = [n + ("" if f.presence == "always" else "?") for n, f in fact.fields.items() if f.presence in told]
    gone = [n for n, f in fact.fields.items() if f.presence == "never" and not fact.closed]
    return ", ".join(shown or ["nothing known"]) + ("" if fact.closed else ", and what came in") + (f"; without {', '.join(gone)}" if gone else "")


