"""The shape of a machine: which states lie on a cycle."""

from __future__ import annotations

from fsm_core.definition import Definition


def successors(definition: Definition) -> dict[str, set[str]]:
    """Where a record can go from each state: arcs and on_error alike."""
    edges: dict[str, set[str]] = {name: set() for name in definition.states}
    for arc in definition.arcs:
        edges[arc.source].add(arc.target)
    for name, state in definition.states.items():
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
