"""What the shape of a machine says: states nobody reaches, ways that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from fsm_core.definition import Definition, Finding


def graph_findings(definition: Definition) -> Iterator[Finding]:
    """Findings 201, 202 and 203."""
    ways = _ways(definition)
    reached = _closure({definition.start}, ways)
    back: dict[str, set[str]] = {name: set() for name in ways}
    for source, targets in ways.items():
        for target in targets:
            back[target].add(source)
    ending = _closure({s.name for s in definition.states.values() if s.is_end}, back)
    for state in definition.states.values():
        if state.name not in reached:
            yield Finding(201, "warning", f"no way leads to the state '{state.name}'", state.mark)
        elif not state.is_end and not definition.arcs_from(state.name):
            yield Finding(203, "warning", f"no arc leaves the state '{state.name}'", state.mark, "is it an end state?")
        elif state.name not in ending:
            yield Finding(202, "warning", f"no end can be reached from the state '{state.name}'", state.mark)


def _ways(definition: Definition) -> dict[str, set[str]]:
    ways: dict[str, set[str]] = {name: set() for name in definition.states}
    for arc in definition.arcs:
        ways[arc.source].add(arc.target)
    for state in definition.states.values():
        if state.on_error is not None:
            ways[state.name].add(state.on_error)
    return ways


def _closure(start: set[str], ways: dict[str, set[str]]) -> set[str]:
    found = set(start)
    open_ = list(start)
    while open_:
        for target in ways[open_.pop()] - found:
            found.add(target)
            open_.append(target)
    return found
