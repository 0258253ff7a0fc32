"""Generated code for what a state catches: the record goes on as it came into the state, with the error."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from fsm_core.definition import State as StateDefinition
from fsm_core.engine.fanning import Fanning
from fsm_core.engine.interpreter import caught_in
from fsm_core.engine.points import caught_by
from fsm_core.engine.reading import build
from fsm_core.engine.source import NULL, Flow
from fsm_core.engine.walk import refusal


@dataclass(frozen=True, slots=True)
class Catch:
    """One state's catches while it is written. `flow`: as the record came in; `before`: the name of its dict; `to`, `error`: the names of the locals
    that say where it is caught (None: it is not) and why."""

    here: StateDefinition
    flow: Flow
    before: str
    to: str
    error: str


class Catching(Fanning):
    """The part of a walk that writes states with catches."""

    _again: Callable[[StateDefinition], object]

    def guarded(self, here: StateDefinition, flow: Flow) -> None:
        """The steps of a state in a `try`."""
        catch, inside = self.trying(here, flow)
        items = ""
        inside = self._steps.enter(here, inside, self.refused(catch))
        if here.fan_out is not None:
            items, inside = self.items(here, inside)
        inside = self.tried(catch, inside)
        if here.fan_out is not None:
            self.spread(here, items, inside)
        else:
            self.leave(here, inside)
        self.caught(catch)

    def trying(self, here: StateDefinition, flow: Flow) -> tuple[Catch, Flow]:
        """Begin a `try`: what the handlers need, and the flow inside."""
        catch = Catch(here, flow, self._source.name("d"), self._source.name("to"), self._source.name("r"))
        if not flow.record.closed:
            self._source.line(flow, f"{catch.before} = _d")
        self._source.line(flow, "try:")
        return catch, replace(flow.deeper(), record=replace(flow.record, held=True))

    def tried(self, catch: Catch, inside: Flow) -> Flow:
        """End the `try`; the flow where nothing was caught."""
        self._source.line(inside, f"{catch.to} = None")
        self.handler(catch, catch.flow)
        self._source.line(catch.flow, f"if {catch.to} is None:")
        return replace(inside, depth=catch.flow.depth + 1, record=replace(inside.record, held=False))

    def handler(self, catch: Catch, at: Flow) -> None:
        """What raises there is settled by the interpreter for this state alone."""
        self._source.line(at, "except _Exception:")
        self._restore(catch, at.deeper())
        again = self._source.hold("a", self._again(catch.here))
        atoms = f"{ast.unparse(catch.flow.message)}, {ast.unparse(catch.flow.error)}"
        self._source.line(at.deeper(), f"{catch.to}, {catch.error} = {again}(_d, _meta_of(_i), _now, {atoms})")

    def _restore(self, catch: Catch, at: Flow) -> Flow:
        """The record as it came in, built."""
        if not catch.flow.record.closed:
            self._source.line(at, f"_d = {catch.before}")
        built = build(self._source, replace(catch.flow, depth=at.depth, record=replace(catch.flow.record, own=False)))
        return replace(built, record=replace(built.record, own=False))

    def refused(self, catch: Catch) -> Callable[[Flow], None] | None:
        """How a `require` that is not true sends the record to its catch; None where the interpreter has to say."""
        here = catch.here
        target = caught_in(here, refusal([], here.name, "require"))
        text = self._steps.require_text(here)
        if target is None or text is None:
            return None
        error = self._source.hold("e", refusal([text], here.name, "require").fields())

        def refused(at: Flow) -> None:
            self._restore(catch, at)
            self._source.line(at, f"{catch.to}, {catch.error} = {target!r}, _Fields({error})")
        return refused

    def caught(self, catch: Catch) -> None:
        """The ways that a record takes as it came into the state."""
        targets, flow = caught_by(catch.here), catch.flow
        record = flow.record.built()
        for target in targets:
            self._source.line(flow, "else:" if target == targets[-1] else f"elif {catch.to} == {target!r}:")
            error = self._source.name("r")
            self._source.line(flow.deeper(), f"{error} = {catch.error}")
            self.enter((target, flow.stack), replace(
                flow.deeper(), record=replace(record, own=False, held=False), error=ast.Name(error, ast.Load()), message=NULL,
                arcs=(*flow.arcs, (catch.here.name, target))))
