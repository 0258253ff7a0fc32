"""The shape of a machine: which states lie on a cycle."""

from __future__ import annotations

from fsm_core.definition import Definition


def successors(definition: Definition) -> dict[str, set[str]]:
    """Where a record can go from each state within its network: arcs, catches and on_error; a push leads to where it comes back."""
    edges: dict[str, set[str]] = {name: set() for name in definition.states}
    returning = {state.network for state in definition.states.values() if state.returns}
    for arc in definition.arcs:
        edges[arc.source].update(way.target for way in arc.ways if way.push is None or way.push in returning)
    for name, state in definition.states.items():
        edges[name].update(catch.to for catch in state.catches)
        if state.on_error is not None:
            edges[name].add(state.on_error)
    return edges


def cyclic_states(definition: Definition) -> frozenset[str]:
    """The states that can be entered again after they were left, each push by itself: a network that is pushed twice is no cycle."""
    edges = successors(definition)
    below = {name: _reachable(edges, edges[name]) for name in edges}
    again = _pushed_again(definition, below)
    ends = {name for name, state in definition.states.items() if state.returns}
    return frozenset(name for name, state in definition.states.items()
                     if name in below[name] or (state.network in again and ends & {name, *below[name]}))


def _pushed_again(definition: Definition, below: dict[str, set[str]]) -> set[str]:
    """The networks that are pushed from a cycle, and those that they push."""
    pushes = [(arc.source, way.push, way.target) for arc in definition.arcs for way in arc.ways if way.push is not None]
    found: set[str] = set()
    todo = [push for source, push, target in pushes if source == target or source in below[target]]
    while todo:
        network = todo.pop()
        if network not in found:
            found.add(network)
            todo += [push for source, push, _ in pushes if definition.states[source].network == network]
    return found


def _reachable(edges: dict[str, set[str]], first: set[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(first)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges[name])
    return seen
