"""What there is to draw of a machine: states as nodes, every way between them as an edge with its label, networks as groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fsm_core.definition import Arc, Code, Definition, State, Way
from fsm_core.graph.details import details_of

NodeKind = Literal["start", "state", "output", "error", "drop", "return"]
EdgeKind = Literal["arc", "push", "return", "catch"]


@dataclass(frozen=True, slots=True)
class Node:
    """A state. `name` is its full name, `title` what it is called inside its group, `lines` what it does, in a few words each, `details` all of it."""

    name: str
    title: str
    kind: NodeKind
    is_start: bool
    lines: tuple[str, ...] = ()
    description: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from a state to a state. A `push` enters a network, a `return` leads from its end back to the caller's target."""

    source: str
    target: str
    kind: EdgeKind
    label: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A network. `name` is empty for the main one, whose states stand outside of any frame."""

    name: str
    nodes: tuple[Node, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A machine's drawing before it has places; the main network's group comes first."""

    name: str
    version: str
    description: str
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]


def shape_of(definition: Definition) -> Shape:
    """The shape of a machine, in the document's order."""
    by_network: dict[str, list[Node]] = {"": []}
    for state in definition.states.values():
        by_network.setdefault(state.network if "/" in state.name else "", []).append(_node(state))
    networks = definition.networks
    groups = tuple(Group(name, tuple(nodes), networks[name].description if name in networks else "") for name, nodes in by_network.items())
    edges = [edge for arc in _in_order(definition) for edge in _of_arc(definition, arc)]
    edges += [edge for state in definition.states.values() for edge in _catches(state)]
    return Shape(definition.name, definition.version, definition.description, groups, tuple(dict.fromkeys(edges)))


def _in_order(definition: Definition) -> Iterator[Arc]:
    for name in definition.states:
        yield from definition.arcs_from(name)


def _node(state: State) -> Node:
    kind: NodeKind = "start" if state.is_start else "state"
    if state.is_end:
        kind = "return" if state.returns else state.outcome or "output"
    return Node(state.name, state.name.rpartition("/")[2], kind, state.is_start, tuple(_does(state)), state.description, tuple(details_of(state)))


def _does(state: State) -> Iterator[str]:
    """What a state does on entry, step by step, then what its end says."""
    if state.validates:
        yield "validate"
    if state.lets:
        yield "let " + _listed([let.name for let in state.lets])
    if state.requires:
        yield f"require {len(state.requires)}" if len(state.requires) > 1 else f"require {state.requires[0].condition.source}"
    for code in state.transforms:
        yield f"call {code.host.name}" if code.host is not None else "transform"
    if state.record is not None:
        yield "record"
    if state.renames:
        yield "rename " + _listed([rename.text for rename in state.renames])
    if state.assigns:
        yield "set " + _listed([assign.text for assign in state.assigns])
    if state.removes:
        yield "remove " + _listed([remove.text for remove in state.removes])
    if state.keep is not None:
        yield "keep " + _listed(list(state.keep))
    if state.fan_out is not None:
        yield "fan out"
    yield from _ending(state)


def _ending(state: State) -> Iterator[str]:
    if not state.is_end or state.returns:
        return
    match state.outcome:
        case "error":
            yield "dead letter"
        case "drop":
            yield f"dropped: {state.reason}" if state.reason else "dropped"
        case _:
            yield "tombstone" if state.tombstone else f"output: {state.route}" if state.route else "output"


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _of_arc(definition: Definition, arc: Arc) -> Iterator[Edge]:
    if arc.switch is None:
        yield from _of_way(definition, arc, arc.ways[0], _guard(arc))
        return
    for case, way in arc.switch.cases.items():
        yield from _of_way(definition, arc, way, f"{arc.switch.on.source} = {case}")
    if arc.switch.default is not None:
        yield from _of_way(definition, arc, arc.switch.default, "default")


def _of_way(definition: Definition, arc: Arc, way: Way, label: str) -> Iterator[Edge]:
    if way.push is None:
        yield Edge(arc.source, way.target, "arc", label, arc.description)
        return
    network = definition.networks[way.push]
    yield Edge(arc.source, network.start, "push", label, arc.description)
    for state in definition.states.values():
        if state.network == way.push and state.is_end and state.returns:
            yield Edge(state.name, way.target, "return", "", f"back from {way.push}")


def _guard(arc: Arc) -> str:
    if arc.is_else:
        return "else"
    return _source(arc.condition) if arc.condition is not None else ""


def _source(code: Code) -> str:
    """A guard as it is read: without the lambda's head, on one line."""
    text = " ".join(code.source.split())
    return text.removeprefix("lambda state: ") if code.kind == "inline" else text


def _catches(state: State) -> Iterator[Edge]:
    for catch in state.catches:
        yield Edge(state.name, catch.to, "catch", ", ".join(catch.errors) or "on error")
    if state.on_error is not None and state.on_error not in {c.to for c in state.catches if not c.errors}:
        yield Edge(state.name, state.on_error, "catch", "on error")
