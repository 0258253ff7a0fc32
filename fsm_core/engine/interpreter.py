"""The specification: the plainest code that walks one record from the start state to an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fsm_core.definition import Assign, Definition, Rules
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Failure, Reason
from fsm_core.engine.codec import describe
from fsm_core.engine.functions import Functions, StateFunction
from fsm_core.engine.graph import cyclic_states
from fsm_core.engine.paths import with_path
from fsm_core.engine.rules import broken_rules
from fsm_core.engine.state import Fields, State

Resolve = Callable[[Any], Any]


class ValidationError(Exception):
    """A record that a validate found bad."""


class StepFailed(Exception):
    """One step of a state or an arc failed."""

    def __init__(self, reason: Reason, state: str, function: str | None, error: str | None, message: str) -> None:
        super().__init__(message)
        self.reason, self.state, self.function, self.error, self.message = reason, state, function, error, message


def error_text(error: BaseException) -> str:
    """The message of an exception, as failures report it."""
    if isinstance(error, KeyError) and len(error.args) == 1:
        return f"field {error.args[0]!r} is missing"
    return str(error) or type(error).__name__


@dataclass(slots=True)
class Walk:
    """One record's way: where it has been, how it ended (`end`) or why it did not (`failure`)."""

    state: State
    path: list[str] = field(default_factory=list)
    arcs: list[tuple[str, str]] = field(default_factory=list)
    end: StateDefinition | None = None
    failure: Failure | None = None
    log: list[dict[str, Any]] | None = None

    def note(self, **step: Any) -> None:
        """Remember a step, if someone asked for an explanation."""
        if self.log is not None:
            self.log.append(step)


def as_is(value: Any) -> Any:
    """The `Resolve` of a machine without async functions."""
    return value


class Interpreter:
    """Walks records through a definition. Changes no record that it is given; holds no record after the walk."""

    def __init__(self, definition: Definition, functions: Functions, resolve: Resolve = as_is) -> None:
        self._definition = definition
        self._functions = functions
        self._resolve = resolve
        self._cyclic = cyclic_states(definition)
        self._arcs = {name: definition.arcs_from(name) for name in definition.states}

    def walk(self, state: State, log: list[dict[str, Any]] | None = None) -> Walk:
        """Walk from the start to an end or a failure; never raises for a bad record."""
        walk = Walk(state, log=log)
        try:
            self._go(walk)
        except StepFailed as failed:
            walk.failure = Failure(failed.reason, failed.state, failed.function, failed.error, failed.message,
                                   tuple(walk.path))
        return walk

    def _go(self, walk: Walk) -> None:
        name: str = self._definition.start
        entries = 0
        while True:
            entries += name in self._cyclic
            if entries > self._definition.max_transitions:
                raise StepFailed("max_transitions", name, None, None,
                                 f"more than {self._definition.max_transitions} entries into states on a cycle")
            walk.path.append(name)
            here = self._definition.states[name]
            caught = self.enter(here, walk)
            if caught is not None:
                walk.arcs.append((name, caught))
                name = caught
            elif here.is_end:
                walk.end = here
                return
            else:
                name = self._leave(here, walk)

    def enter(self, here: StateDefinition, walk: Walk) -> str | None:
        """Run what a state does on entry. Returns where `on_error` sends the record if that failed."""
        state, before = walk.state, walk.state.data
        try:
            self._check(here, state)
            for transform in here.transforms:
                state.data = self._transformed(self._functions.of(transform), state, here.name, "transform")
            for assign in here.assigns:
                self._assign(assign, state, here.name)
        except StepFailed as failed:
            state.data = before
            if here.on_error is None:
                raise
            state.error = Fields(type=failed.error, message=failed.message, state=failed.state,
                                 function=failed.function, reason=failed.reason)
            state.message = None
            walk.note(state=here.name, error=dict(state.error), to=here.on_error)
            return here.on_error
        walk.note(state=here.name, before=before, after=state.data)
        return None

    def _check(self, here: StateDefinition, state: State) -> None:
        for rule in here.validates:
            if isinstance(rule, Rules):
                messages = broken_rules(rule, state.data)
            else:
                messages = self._verdict(self._functions.of(rule), state, here.name)
            if messages:
                raise StepFailed("validate", here.name, "validate", "ValidationError", "; ".join(messages))

    def _verdict(self, function: StateFunction, state: State, name: str) -> list[str]:
        """What a validate says: a boolean, or a list of messages."""
        answer = self._call(function, state, "validate", name, "validate")
        if isinstance(answer, bool):
            return [] if answer else ["the record is not valid"]
        if isinstance(answer, list):
            return [str(message) for message in answer]
        raise StepFailed("validate", name, "validate", "TypeError",
                         f"validate returned {describe(answer)}, not a boolean or a list of messages")

    def _transformed(self, function: StateFunction, state: State, name: str, step: str) -> dict[str, Any]:
        answer = self._call(function, state, "transform", name, step)
        if not isinstance(answer, dict):
            raise StepFailed("transform", name, step, "TypeError",
                             f"transform returned {describe(answer)}, not an object")
        return answer

    def _assign(self, assign: Assign, state: State, name: str) -> None:
        step = f"set.{assign.text}"
        value = self._call(self._functions.template(assign.template), state, "transform", name, step)
        try:
            state.data = with_path(state.data, assign.path, value)
        except TypeError as error:
            raise StepFailed("transform", name, step, "TypeError", str(error)) from None

    def _leave(self, here: StateDefinition, walk: Walk) -> str:
        """Take the first arc whose condition is true. Returns its target."""
        for arc in self._arcs[here.name]:
            if arc.condition is not None:
                function = self._functions.of(arc.condition)
                taken = self._call(self._truth_of(function), walk.state, "guard", here.name, arc.name)
                walk.note(arc=arc.name, condition=arc.condition.source, taken=taken)
                if not taken:
                    continue
            for transform in arc.transforms:
                walk.state.data = self._transformed(self._functions.of(transform), walk.state, here.name, arc.name)
            walk.state.message = None
            walk.arcs.append((arc.source, arc.target))
            return arc.target
        raise StepFailed("no_arc", here.name, None, None, f"no arc out of {here.name!r} applies")

    def _truth_of(self, function: StateFunction) -> StateFunction:
        """Whether an answer is true: asking may raise too."""
        return lambda state: bool(self._resolve(function(state)))

    def _call(self, function: StateFunction, state: State, reason: Reason, name: str, step: str) -> Any:
        try:
            return self._resolve(function(state))
        except Exception as error:
            raise StepFailed(reason, name, step, type(error).__name__, error_text(error)) from error


def codes_of(definition: Definition) -> Iterator[Any]:
    """Every piece of logic that stands directly on a state or an arc."""
    for state in definition.states.values():
        yield from state.validates
        yield from state.transforms
        yield from (a.template for a in state.assigns)
    for arc in definition.arcs:
        if arc.condition is not None:
            yield arc.condition
        yield from arc.transforms
