"""The specification: the plainest code that walks one record from the start state to an end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fsm_core.definition import Arc, Catch, Code, Definition, Way
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Failure
from fsm_core.engine.entering import Entering
from fsm_core.engine.functions import Functions
from fsm_core.engine.graph import cyclic_states
from fsm_core.engine.purity import all_codes
from fsm_core.engine.walk import Request, StepFailed, Walk, failed

Walking = Generator[Request, Any, None]
"""A walk that stands still where it asks something of the host; it goes on with the answer, or a `CallFailed`."""


class Interpreter:
    """Walks records through a definition. Changes no record that it is given; holds no record after the walk."""

    def __init__(self, definition: Definition, functions: Functions) -> None:
        self._definition = definition
        self._entering = Entering(functions)
        self._functions = functions
        self._cyclic = cyclic_states(definition)
        self._arcs = {name: definition.arcs_from(name) for name in definition.states}
        self.order = {name: at for at, name in enumerate(definition.states)}

    def walk(self, walk: Walk) -> None:
        """Walk from the start to an end or a failure, children too; never raises for a bad record. For machines that never wait."""
        todo = [walk]
        while todo:
            one = todo.pop()
            _through(self.go(one))
            todo += reversed(one.children or ())

    def go(self, walk: Walk) -> Walking:
        """One record until it ends, fails or fans out; what it fans out into is walked by the caller, each as a walk of its own."""
        try:
            yield from self._go(walk)
        except StepFailed as error:
            walk.failure = Failure(error.reason, error.state, error.function, error.error, error.message, walk.whole, error.attempts)

    def enter(self, here: StateDefinition, walk: Walk) -> str | None:
        """What a state does on entry, and where its failure is caught; None where it did not fail. For states that never wait."""
        target: str | None = _through(self._enter(here, walk))
        return target

    def _go(self, walk: Walk) -> Walking:
        if walk.begin is None:
            name: str | None = self._definition.start
        else:
            name = yield from self._leave(walk.begin, walk)
        while name is not None:
            walk.entries[0] += name in self._cyclic
            if walk.entries[0] > self._definition.max_transitions:
                raise StepFailed("max_transitions", name, None, None,
                                 f"more than {self._definition.max_transitions} entries into states on a cycle")
            walk.path.append(name)
            here = self._definition.states[name]
            caught = yield from self._enter(here, walk)
            if caught is not None:
                walk.arcs.append((name, caught))
                name = caught
            elif walk.children is not None:
                return
            else:
                name = yield from self._leave(here, walk)

    def _enter(self, here: StateDefinition, walk: Walk) -> Generator[Request, Any, str | None]:
        """Run what a state does on entry. Returns where a catch sends the record if that failed."""
        state, before = walk.state, walk.state.data
        try:
            items = yield from self._entering.steps(here, state)
        except StepFailed as error:
            state.data = before
            self._note_lets(here, walk)
            target = caught_in(here, error)
            if target is None:
                raise
            state.error = error.fields()
            state.message = None
            walk.note(state=here.name, error=dict(state.error), to=target)
            return target
        self._note_lets(here, walk)
        walk.note(state=here.name, before=before, after=state.data)
        if items is not None:
            walk.note(state=here.name, fan_out=len(items))
            walk.children = [walk.child(item, here) for item in items]
        return None

    def _note_lets(self, here: StateDefinition, walk: Walk) -> None:
        """What the names of a state stand for, as far as it came; before the note of the state itself."""
        if walk.log is not None and walk.state.lets:
            walk.note(let=dict(walk.state.lets), of=here.name)

    def _leave(self, here: StateDefinition, walk: Walk) -> Generator[Request, Any, str | None]:
        """Where the record goes from a state; None: it ends here."""
        if here.is_end:
            if not (here.returns and walk.stack):
                walk.end = here
                return None
            target = walk.stack.pop()
            walk.arcs.append((here.name, target))
            return target
        for arc in self._arcs[here.name]:
            way, is_default = yield from self._way(arc, here, walk)
            if way is None:
                continue
            said = arc.message if arc.switch is None or is_default else None
            walk.state.message = None if said is None else self._entering.message(said, walk.state)
            for transform in arc.transforms:
                walk.state.data = yield from self._entering.transformed(transform, walk.state, here.name, arc.name)
            return self._take(way, arc, walk)
        raise StepFailed("no_arc", here.name, None, None, f"no arc out of {here.name!r} applies")

    def _take(self, way: Way, arc: Arc, walk: Walk) -> str:
        target = way.target
        if way.push is not None:
            walk.stack.append(target)
            target = self._definition.networks[way.push].start
        walk.arcs.append((arc.source, target))
        return target

    def _way(self, arc: Arc, here: StateDefinition, walk: Walk) -> Generator[Request, Any, tuple[Way | None, bool]]:
        """Where an arc leads this record, None if it does not apply; and whether that is a switch's default."""
        if arc.switch is not None:
            on = self._entering.value(arc.switch.on, walk.state, "guard", here.name, arc.name)
            case = arc.switch.cases.get(on) if isinstance(on, str) else None
            walk.note(arc=arc.name, switch=arc.switch.on.source, value=on, taken=case is not None or arc.switch.default is not None)
            return (case, False) if case is not None else (arc.switch.default, True)
        if arc.condition is not None:
            answer = yield from self._entering.answer(arc.condition, walk.state, "guard", here.name, arc.name)
            try:
                taken = bool(answer)
            except Exception as error:
                raise failed("guard", here.name, arc.name, error) from error
            walk.note(arc=arc.name, condition=arc.condition.source, taken=taken)
            if not taken:
                return None, False
        return Way(arc.target, arc.push), False


def caught_in(here: StateDefinition, error: StepFailed) -> str | None:
    """Where the first fitting catch sends the record."""
    catches = here.catches or (() if here.on_error is None else (Catch((), here.on_error),))
    return next((c.to for c in catches if not c.errors or error.kinds & set(c.errors)), None)


def _through(walking: Generator[Request, Any, Any]) -> Any:
    """Run to the end what never asks."""
    try:
        request = next(walking)
    except StopIteration as stop:
        return stop.value
    raise AssertionError(f"{request.code.source} waits, and nobody asked whether it does")


def codes_of(definition: Definition) -> list[Code]:
    """Every piece of logic that stands on a state or an arc."""
    return all_codes(definition)
