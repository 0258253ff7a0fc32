"""What the shape of a machine says: states nobody reaches, ways that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from fsm_core.definition import Definition, Finding


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
    reach = {name: _closure(set(targets), ways) for name, targets in ways.items() if targets}
    done: set[str] = set()
    for name in definition.states:
        if name in done or name not in reach.get(name, ()):
            continue
        cycle = {other for other in reach[name] if name in reach.get(other, ())}
        done |= cycle
        states = [definition.states[n] for n in cycle]
        arcs = [a for a in definition.arcs if a.source in cycle]
        changing = any((s.transforms, s.assigns, s.record, s.renames, s.removes, s.keep, s.fan_out, s.validates, s.lets, s.requires) != ((), (), None, (), (), None, None, (), (), ())
                       for s in states) or any(a.transforms for a in arcs)
        if not changing:
            yield Finding(204, "warning", f"nothing on the cycle through '{name}' changes the record: its guards say the same each time", definition.states[name].mark)


def _ways(definition: Definition) -> dict[str, set[str]]:
    ways: dict[str, set[str]] = {name: set() for name in definition.states}
    for arc in definition.arcs:
        for way in arc.ways:
            if way.push is not None and way.push in definition.networks:
                ways[arc.source].add(definition.networks[way.push].start)
                for state in definition.states.values():
                    if state.network == way.push and state.returns:
                        ways[state.name].add(way.target)
            elif way.target:
                ways[arc.source].add(way.target)
    for state in definition.states.values():
        ways[state.name] |= {c.to for c in state.catches} | ({state.on_error} if state.on_error is not None else set())
    return ways


def _closure(start: set[str], ways: dict[str, set[str]]) -> set[str]:
    found = set(start)
    open_ = list(start)
    while open_:
        for target in ways[open_.pop()] - found:
            found.add(target)
            open_.append(target)
    return found
