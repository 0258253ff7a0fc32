"""Functions of the host in a test: what `calls` says they answer, in the place of what they would do."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fsm_core.definition import Arc, Code, Definition, State
from fsm_core.engine.functions import waits


class Unanswered(BaseException):
    """A record reached the function `name` of the host, and nothing says what it answers. No catch of the machine is to take it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the test has no `calls` entry for {name}")
        self.name = name


def with_answers(definition: Definition, calls: Mapping[str, Mapping[str, Any]]) -> Definition:
    """The definition with every impure function replaced; itself where it has none."""
    states = {name: _state(state, calls) for name, state in definition.states.items()}
    arcs = tuple(_arc(arc, calls) for arc in definition.arcs)
    if states == definition.states and arcs == definition.arcs:
        return definition
    return replace(definition, states=states, arcs=arcs)


def is_whole(definition: Definition) -> bool:
    """Whether every function of the host that it names is there."""
    codes = [*(code for state in definition.states.values() for code in (*state.validates, *state.transforms)),
             *(code for arc in definition.arcs for code in (arc.condition, *arc.transforms))]
    return not any(isinstance(code, Code) and code.kind == "callable" and code.function is None for code in codes)


def _state(state: State, calls: Mapping[str, Mapping[str, Any]]) -> State:
    validates = tuple(_code(v, calls) if isinstance(v, Code) else v for v in state.validates)
    return replace(state, validates=validates, transforms=tuple(_code(t, calls) for t in state.transforms))


def _arc(arc: Arc, calls: Mapping[str, Mapping[str, Any]]) -> Arc:
    condition = None if arc.condition is None else _code(arc.condition, calls)
    return replace(arc, condition=condition, transforms=tuple(_code(t, calls) for t in arc.transforms))


def _code(code: Code, calls: Mapping[str, Mapping[str, Any]]) -> Code:
    name = code.source if code.host is None else code.host.name
    called = code.kind == "callable" or waits(code)
    pure = not waits(code) if code.host is None else code.host.pure  # a function object of the author's own document is his to keep pure
    if not called or (pure and name not in calls):
        return code
    batch = code.host is not None and code.host.batch
    return replace(code, kind="callable", tree=None, function=_answering(name, calls.get(name), batch))


def _answering(name: str, answer: Mapping[str, Any] | None, batch: bool) -> Callable[[Any], Any]:
    """A function that gives every record the same answer, each its own copy."""
    def one() -> Any:
        if answer is None:
            raise Unanswered(name)
        if "raise" in answer:
            raise exception_of(answer["raise"])()
        return copy.deepcopy(answer.get("return"))

    def answered(given: Any) -> Any:
        return [one() for _ in given] if batch else one()
    return answered


def exception_of(name: str) -> type[Exception]:
    """The exception class of that name; a new one where Python has none, so that catches by name still fit."""
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, Exception):
        return known
    return type(name, (Exception,), {})
