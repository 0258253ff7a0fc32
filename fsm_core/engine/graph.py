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
    found = {name for ring in rings(edges) for name in ring}
    again = _pushed_again(definition, edges)
    coming_back = _reachable(_turned(edges), {name for name, state in definition.states.items() if state.returns and state.network in again})
    return frozenset(found | coming_back)


def _pushed_again(definition: Definition, edges: dict[str, set[str]]) -> set[str]:
    """The networks that are pushed from a cycle, and those that they push."""
    pushes = [(arc.source, way.push, way.target) for arc in definition.arcs for way in arc.ways if way.push is not None]
    found: set[str] = set()
    todo = [push for source, push, target in pushes if source in _reachable(edges, {target})]
    while todo:
        network = todo.pop()
        if network not in found:
            found.add(network)
            todo += [push for source, push, _ in pushes if definition.states[source].network == network]
    return found


def rings(edges: dict[str, set[str]]) -> list[set[str]]:
    """The largest sets of states of which each leads to each, in time that grows with the edges (Kosaraju's two walks)."""
    back = _turned(edges)
    done: set[str] = set()
    found: list[set[str]] = []
    for name in reversed(_in_order_of_leaving(edges)):
        ring, todo = set[str](), [name]
        while todo:
            here = todo.pop()
            if here not in done:
                done.add(here)
                ring.add(here)
                todo.extend(back[here])
        if len(ring) > 1 or (ring and name in edges[name]):
            found.append(ring)
    return found


def _turned(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    back: dict[str, set[str]] = {name: set() for name in edges}
    for name, targets in edges.items():
        for target in targets:
            back[target].add(name)
    return back


def _in_order_of_leaving(edges: dict[str, set[str]]) -> list[str]:
    seen: set[str] = set()
    left: list[str] = []
    for first, targets in edges.items():
        todo = [] if first in seen else [(first, iter(targets))]
        seen.add(first)
        while todo:
            name, rest = todo[-1]
            target = next((t for t in rest if t not in seen), None)
            if target is None:
                left.append(name)
                todo.pop()
            else:
                seen.add(target)
                todo.append((target, iter(edges[target])))
    return left


def _reachable(edges: dict[str, set[str]], first: set[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(first)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges[name])
    return seen
