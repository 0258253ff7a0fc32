"""The steps of a walk put together: what each state changed, which guards were asked, which way was taken, how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

from fsm_core.definition import Definition


@dataclass(frozen=True, slots=True)
class Change:
    """A field that a state added, removed or changed; `path` is written with dots, `before` or `after` is None where there is none."""

    kind: Literal["added", "removed", "changed"]
    path: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition or switch that was asked, and what it gave."""

    arc: str
    condition: str
    value: Any


@dataclass(slots=True)
class Visit:
    """A state on the way. `after` is the record as it left it; `lets` what its names stood for; `children` of a fan-out; `error` what a catch sent on."""

    state: str
    description: str = ""
    changes: tuple[Change, ...] = ()
    after: Mapping[str, Any] | None = None
    guards: list[Guard] = field(default_factory=list)
    to: str | None = None
    lets: Mapping[str, Any] = field(default_factory=dict)
    children: int | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """The whole walk. `end` is None where it failed before one; `sent`: each output, its value, route, key …; `unfused` says why parts of the generated code are calls."""

    machine: str
    description: str
    record: Mapping[str, Any]
    visits: tuple[Visit, ...]
    end: str | None
    outcome: str | None
    failure: Mapping[str, Any] | None
    unfused: tuple[tuple[str, str], ...] = ()
    sent: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The story as `explain --json` prints it."""
        return asdict(self)


def story_of(definition: Definition, record: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], unfused: Sequence[tuple[str, str]] = ()) -> Story:
    """The story of what `Machine.explain` said of a record."""
    last = steps[-1] if steps else {}
    failure = last.get("failure")
    visits = list(_visits(definition, steps[:-1]))
    if failure and failure.get("state") and (not visits or visits[-1].state != failure["state"]):
        lets: Mapping[str, Any] = next((step["let"] for step in steps[-2:-1] if step.get("of") == failure["state"]), {})
        visits.append(Visit(failure["state"], _about(definition, failure["state"]), lets=lets))
    for here, following in pairwise(visits):
        if here.children is None and not _ends(definition, here.state):
            here.to = here.to or following.state
    end: str | None = last.get("end")
    outcome = definition.states[end].outcome if end is not None and end in definition.states else None
    return Story(f"{definition.name} {definition.version}".strip(), definition.description, record, tuple(visits), end, outcome, failure, tuple(unfused), tuple(last.get("outputs", ())))


def _visits(definition: Definition, steps: Sequence[Mapping[str, Any]]) -> Iterator[Visit]:
    here: Visit | None = None
    lets: Mapping[str, Any] = {}
    for step in steps:
        if "let" in step:
            lets = step["let"]
        elif "after" in step or "error" in step:
            if here is not None:
                yield here
            here, lets = _visit(definition, step, lets), {}
        elif here is not None:
            _add(here, step)
    if here is not None:
        yield here


def _add(here: Visit, step: Mapping[str, Any]) -> None:
    if "fan_out" in step:
        here.children = step["fan_out"]
    elif "switch" in step:
        here.guards.append(Guard(step["arc"], step["switch"], step["value"]))
    elif "condition" in step:
        here.guards.append(Guard(step["arc"], step["condition"], step["taken"]))


def _ends(definition: Definition, state: str) -> bool:
    """It ends there: an end of a pushed network goes on."""
    return state in definition.states and definition.states[state].is_end and not definition.states[state].returns


def _visit(definition: Definition, step: Mapping[str, Any], lets: Mapping[str, Any]) -> Visit:
    about = _about(definition, step["state"])
    if "error" in step:
        return Visit(step["state"], about, error=step["error"], to=step.get("to"), lets=lets)
    return Visit(step["state"], about, tuple(changes(step["before"], step["after"])), step["after"], lets=lets)


def _about(definition: Definition, state: str) -> str:
    return definition.states[state].description if state in definition.states else ""


def changes(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> Iterator[Change]:
    """What differs, in the order of `after`; objects are compared inside, lists as a whole. True is not 1, as in JSON."""
    for name in before:
        if name not in after:
            yield Change("removed", above + name, before=before[name])
    for name, new in after.items():
        if name not in before:
            yield Change("added", above + name, after=new)
            continue
        old = before[name]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from changes(old, new, f"{above}{name}.")
        elif old != new or isinstance(old, bool) is not isinstance(new, bool):
            yield Change("changed", above + name, old, new)
