"""The shape of a machine: which states lie on a cycle."""

from __future__ import annotations

from fsm_core.definition import Definition


def successors(definition: Definition) -> dict[str, set[str]]:
    """Where a record can go from each state: arcs (into a pushed network, and back from its ends), catches and on_error."""
    edges: dict[str, set[str]] = {name: set() for name in definition.states}
    for arc in definition.arcs:
        for way in arc.ways:
            if way.push is None:
                edges[arc.source].add(way.target)
                continue
            edges[arc.source].add(definition.networks[way.push].start)
            for name, state in definition.states.items():
                if state.returns and state.network == way.push:
                    edges[name].add(way.target)
    for name, state in definition.states.items():
        edges[name].update(catch.to for catch in state.catches)
        if state.on_error is not None:
            edges[name].add(state.on_error)
    return edges


def cyclic_states(definition: Definition) -> frozenset[str]:
    """The states that can be entered again after they were left."""
    edges = successors(definition)
    return frozenset(name for name in edges if name in _reachable(edges, edges[name]))


def _reachable(edges: dict[str, set[str]], first: set[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(first)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges[name])
    return seen
