"""The specification: the plainest code that walks one record from the start state to an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

from fsm_core.definition import Arc, Code, Definition, Way
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Failure
from fsm_core.engine.entering import Entering, Step, asked, asks, children, done
from fsm_core.engine.functions import Functions
from fsm_core.engine.graph import cyclic_states
from fsm_core.engine.purity import all_codes
from fsm_core.engine.walk import CallFailed, Request, StepFailed, Walk

Walking = Generator[Request, Any, None]
"""A walk that stands still where it asks something of the host; it goes on with the answer, or a `CallFailed`."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One arc, in the order of trying. `guard`: its condition (the answer is whether it holds), or what its switch is about."""

    arc: Arc
    way: Way
    guard: tuple[Step, ...]
    transforms: tuple[Step, ...]
    waits: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A state, ready to be walked through."""

    state: StateDefinition
    steps: tuple[Step, ...]
    exits: tuple[Exit, ...]
    waits: bool
    asks_away: bool
    spreads: bool
    is_cyclic: bool


class Interpreter:
    """Walks records through a definition. Changes no record that it is given; holds no record after the walk."""

    def __init__(self, definition: Definition, functions: Functions) -> None:
        self._definition = definition
        self._entering = Entering(functions)
        cyclic = cyclic_states(definition)
        self._places = {name: self._place(state, name in cyclic) for name, state in definition.states.items()}
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
            place = None if walk.begin is None else self._places[walk.begin.name]  # where it stands; None: it comes to `name`
            name: str | None = self._definition.start
            while True:
                if place is not None:
                    name = (yield from self._ask_away(place, walk)) if place.asks_away else self._leave(place, walk)
                if name is None:
                    return
                place = self._places[name]
                if place.is_cyclic:
                    self._count(place, walk)
                walk.path.append(name)
                caught = (yield from self._enter(place, walk)) if place.waits else self.enter(place.state, walk)
                if caught is not None:
                    walk.arcs.append((name, caught))
                    name, place = caught, None
                elif walk.children is not None:
                    return
        except StepFailed as error:
            walk.failure = Failure(error.reason, error.state, error.function, error.error, error.message, walk.whole, error.attempts)

    def enter(self, here: StateDefinition, walk: Walk) -> str | None:
        """What a state does on entry, and where its failure is caught; None where it did not fail. For states that never wait."""
        place, before = self._places[here.name], walk.state.data
        walk.state.lets = {}
        try:
            made = done(place.steps, walk.state, here.name)
            if place.spreads or walk.log is not None:
                self._entered(here, made, before, walk)
            return None
        except StepFailed as error:
            return self._caught(here, error, before, walk)

    def _enter(self, place: Place, walk: Walk) -> Generator[Request, Any, str | None]:
        """`enter`, where the host is asked."""
        here, before = place.state, walk.state.data
        walk.state.lets = {}
        try:
            self._entered(here, (yield from asked(place.steps, walk.state, here.name)), before, walk)
            return None
        except StepFailed as error:
            return self._caught(here, error, before, walk)

    def _count(self, place: Place, walk: Walk) -> None:
        walk.entries[0] += 1
        if walk.entries[0] > self._definition.max_transitions:
            raise StepFailed("max_transitions", place.state.name, None, None,
                             f"more than {self._definition.max_transitions} entries into states on a cycle")

    def _entered(self, here: StateDefinition, made: Any, before: dict[str, Any], walk: Walk) -> None:
        """All steps are done; `made` is what the last one gave."""
        items = None if here.fan_out is None else children(made, here.name)
        if walk.log is not None:
            self._note_lets(here, walk)
            walk.note(state=here.name, before=before, after=walk.state.data)
        if items is not None:
            walk.note(state=here.name, fan_out=len(items))
            walk.children = [walk.child(item, here) for item in items]

    def _caught(self, here: StateDefinition, error: StepFailed, before: dict[str, Any], walk: Walk) -> str:
        """Where a catch sends the record, as it was before; the error again if none does."""
        state = walk.state
        state.data = before
        self._note_lets(here, walk)
        target = caught_in(here, error)
        if target is None:
            raise error
        state.error, state.message = error.fields(), None
        if walk.log is not None:
            walk.note(state=here.name, error=dict(state.error), to=target)
        return target

    def _note_lets(self, here: StateDefinition, walk: Walk) -> None:
        """What the names of a state stand for, as far as it came; before the note of the state itself."""
        if walk.log is not None and walk.state.lets:
            walk.note(let=dict(walk.state.lets), of=here.name)

    def _leave(self, place: Place, walk: Walk) -> str | None:
        """Where the record goes from a state; None: it ends here. For states whose arcs never wait."""
        here, state = place.state, walk.state
        if here.is_end:
            return self._end(here, walk)
        for out in place.exits:
            way, is_default = _way(out, done(out.guard, state, here.name), walk) if out.guard else (out.way, False)
            if way is not None:
                self._say(out.arc, is_default, walk)
                if out.transforms:
                    done(out.transforms, state, here.name)
                return self._take(way, here, walk)
        raise _no_arc(here)

    def _ask_away(self, place: Place, walk: Walk) -> Generator[Request, Any, str | None]:
        """`_leave`, where the host is asked."""
        here, state = place.state, walk.state
        for out in place.exits:
            way, is_default = _way(out, (yield from asked(out.guard, state, here.name)), walk) if out.guard else (out.way, False)
            if way is not None:
                self._say(out.arc, is_default, walk)
                yield from asked(out.transforms, state, here.name)
                return self._take(way, here, walk)
        raise _no_arc(here)

    def _say(self, arc: Arc, is_default: bool, walk: Walk) -> None:
        """The message of the arc that is taken; of a switch it belongs to the default."""
        said = arc.message if arc.switch is None or is_default else None
        walk.state.message = None if said is None else self._entering.message(said, walk.state)

    def _end(self, here: StateDefinition, walk: Walk) -> str | None:
        if not (here.returns and walk.stack):
            walk.end = here
            return None
        target = walk.stack.pop()
        walk.arcs.append((here.name, target))
        return target

    def _take(self, way: Way, here: StateDefinition, walk: Walk) -> str:
        target = way.target
        if way.push is not None:
            walk.stack.append(target)
            target = self._definition.networks[way.push].start
        walk.arcs.append((here.name, target))
        return target

    def _place(self, state: StateDefinition, is_cyclic: bool) -> Place:
        steps = self._entering.steps(state)
        exits = tuple(self._exit(arc) for arc in self._definition.arcs_from(state.name))
        return Place(state, steps, exits, asks(steps), any(out.waits for out in exits), state.fan_out is not None, is_cyclic)

    def _exit(self, arc: Arc) -> Exit:
        guard: tuple[Step, ...] = ()
        if arc.switch is not None:
            guard = (self._entering.logic(arc.switch.on, "guard", arc.source, arc.name, lambda state, answer: answer),)
        elif arc.condition is not None:
            guard = (self._entering.logic(arc.condition, "guard", arc.source, arc.name, lambda state, answer: bool(answer)),)
        transforms = tuple(self._entering.transform(code, arc.source, arc.name) for code in arc.transforms)
        return Exit(arc, Way(arc.target, arc.push), guard, transforms, asks((*guard, *transforms)))


def _way(out: Exit, answer: Any, walk: Walk) -> tuple[Way | None, bool]:
    """Where an arc with a condition or a switch leads this record, None if it does not apply; and whether that is a switch's default."""
    arc = out.arc
    if arc.switch is not None:
        case = arc.switch.cases.get(answer) if isinstance(answer, str) else None
        taken = case is not None or arc.switch.default is not None
        walk.note(arc=arc.name, switch=arc.switch.on.source, value=answer, taken=taken)
        return (case, False) if case is not None else (arc.switch.default, True)
    if walk.log is not None and arc.condition is not None:
        walk.note(arc=arc.name, condition=arc.condition.source, taken=answer)
    return (out.way, False) if answer else (None, False)


def _no_arc(here: StateDefinition) -> StepFailed:
    return StepFailed("no_arc", here.name, None, None, f"no arc out of {here.name!r} applies")


def caught_in(here: StateDefinition, error: StepFailed) -> str | None:
    """Where the first fitting catch sends the record."""
    for catch in here.catches:
        if not catch.errors or not error.kinds.isdisjoint(catch.errors):
            return catch.to
    return None if here.catches else here.on_error


def _through(walking: Walking) -> None:
    """Run to the end what never asks."""
    for request in walking:
        raise AssertionError(f"{request.code.source} waits, and nobody asked whether it does")


def repeated(walking: Walking, answers: Iterable[Any]) -> Walking:
    """A walk that was made up to somewhere before: what was answered then is not asked again."""
    known = deque(answers)
    try:
        request = next(walking)
        while True:
            try:
                answer = known.popleft() if known else (yield request)
            except CallFailed as error:
                answer = error
            request = walking.throw(answer) if isinstance(answer, CallFailed) else walking.send(answer)
    except StopIteration:
        return


def codes_of(definition: Definition) -> list[Code]:
    """Every piece of logic that stands on a state or an arc."""
    return all_codes(definition)
