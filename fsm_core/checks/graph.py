"""What the shape of a machine says: states nobody reaches, ways that lead nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from fsm_core.definition import Definition, Finding, State
from fsm_core.engine.graph import rings


def graph_findings(definition: Definition) -> Iterator[Finding]:
    """Findings 201 to 204."""
    ways = _ways(definition)
    reached = _closure({definition.start}, ways)
    back: dict[str, set[str]] = {name: set() for name in ways}
    for source, targets in ways.items():
        for target in targets:
            back[target].add(source)
    ending = _closure({s.name for s in definition.states.values() if s.is_end and not s.returns}, back)
    leaving = {arc.source for arc in definition.arcs}
    for state in definition.states.values():
        if state.name not in reached:
            yield Finding(201, "warning", f"no way leads to the state '{state.name}'", state.mark)
        elif not state.is_end and state.name not in leaving:
            yield Finding(203, "warning", f"no arc leaves the state '{state.name}'", state.mark, "is it an end state?")
        elif state.name not in ending:
            yield Finding(202, "warning", f"no end can be reached from the state '{state.name}'", state.mark)
    yield from _stuck(definition, ways)


def _stuck(definition: Definition, ways: dict[str, set[str]]) -> Iterator[Finding]:
    """Cycles on which nothing changes the record: the same guards say the same for ever."""
    transforming = {arc.source for arc in definition.arcs if arc.transforms}
    found = [ring for ring in rings(ways) if not any(_changes(definition.states[n]) or n in transforming for n in ring)]
    firsts = {next(n for n in definition.states if n in ring) for ring in found}
    for name in definition.states:
        if name in firsts:
            yield Finding(204, "warning", f"nothing on the cycle through '{name}' changes the record: its guards say the same each time", definition.states[name].mark,
                          "a record on it goes round until it fails with max_transitions")


def _changes(s: State) -> bool:
    return any((s.transforms, s.assigns, s.record, s.renames, s.removes, s.keep is not None, s.fan_out, s.validates, s.lets, s.requires))


def _ways(definition: Definition) -> dict[str, set[str]]:
    """Every way of a record, into networks that are pushed and back out of them."""
    ways: dict[str, set[str]] = {name: set() for name in definition.states}
    returning: dict[str, list[str]] = defaultdict(list)
    for state in definition.states.values():
        ways[state.name] |= {c.to for c in state.catches} | ({state.on_error} if state.on_error is not None else set())
        if state.returns:
            returning[state.network].append(state.name)
    for arc in definition.arcs:
        for way in arc.ways:
            if way.push is not None and way.push in definition.networks:
                ways[arc.source].add(definition.networks[way.push].start)
                for name in returning[way.push]:
                    ways[name].add(way.target)
            elif way.target:
                ways[arc.source].add(way.target)
    return ways


def _closure(start: set[str], ways: Mapping[str, set[str]]) -> set[str]:
    found = set(start)
    open_ = list(start)
    while open_:
        for target in ways[open_.pop()] - found:
            found.add(target)
            open_.append(target)
    return found
