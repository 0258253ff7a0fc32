"""The shape of what is generated: states with the calls that they stand in, and which of them are worth a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fsm_core.definition import Definition, State, Way
from fsm_core.engine.source import TooLarge

MOST_POINTS = 20_000
Point = tuple[str, tuple[str, ...]]
"""A state, and where the pushed networks around it come back to, the innermost first."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`heads`: where cycles begin again; `joins`: what several ways lead to, ends left out; `points`: how many there are."""

    heads: frozenset[Point]
    joins: frozenset[Point]
    points: int


def caught_by(state: State) -> tuple[str, ...]:
    """Where a record may go when a state fails, each target once."""
    targets = [catch.to for catch in state.catches] or ([] if state.on_error is None else [state.on_error])
    return tuple(dict.fromkeys(targets))


def landing(definition: Definition, way: Way, stack: tuple[str, ...]) -> Point:
    """Where a way leads to at once."""
    if way.push is None:
        return way.target, stack
    return definition.networks[way.push].start, (way.target, *stack)


def shape_of(definition: Definition) -> Shape:
    """Walk all that can be reached, each network as often as it is pushed. `TooLarge` if that never ends in time."""
    start: Point = (definition.start, ())
    open_: set[Point] = {start}
    seen: set[Point] = {start}
    heads: set[Point] = set()
    entries: Counter[Point] = Counter()
    todo: list[tuple[Point, Iterator[Point]]] = [(start, _after(definition, start))]
    while todo:
        point, rest = todo[-1]
        follower = next(rest, None)
        if follower is None:
            todo.pop()
            open_.discard(point)
            continue
        entries[follower] += 1
        if follower in open_:
            heads.add(follower)
        elif follower not in seen:
            seen.add(follower)
            open_.add(follower)
            todo.append((follower, _after(definition, follower)))
            if len(seen) > MOST_POINTS:
                raise TooLarge("networks pushed inside networks too many times")
    joins = {p for p, times in entries.items() if times > 1 and (not definition.states[p[0]].is_end or definition.states[p[0]].returns)}
    return Shape(frozenset(heads), frozenset(joins), len(seen))


def _after(definition: Definition, point: Point) -> Iterator[Point]:
    name, stack = point
    state = definition.states[name]
    yield from ((target, stack) for target in caught_by(state))
    if state.is_end:
        if state.returns and stack:
            yield stack[0], stack[1:]
        return
    for arc in definition.arcs_from(name):
        for way in arc.ways:
            yield landing(definition, way, stack)


def states_of_children(definition: Definition) -> frozenset[str]:
    """The states that a child of a fan-out can come to. `TooLarge` as `shape_of`."""
    seen: set[tuple[Point, bool]] = set()
    todo: list[tuple[Point, bool]] = [((definition.start, ()), False)]
    while todo:
        point, is_child = todo.pop()
        if (point, is_child) in seen:
            continue
        seen.add((point, is_child))
        if len(seen) > MOST_POINTS:
            raise TooLarge("networks pushed inside networks too many times")
        spreads = definition.states[point[0]].fan_out is not None
        todo += [(follower, is_child or spreads) for follower in _after(definition, point)]
    return frozenset(point[0] for point, is_child in seen if is_child)
