"""The networks of a document: states and arcs by full names, and pushes that lead to networks and do not recurse."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any

from fsm_core.definition import Arc, Network, State
from fsm_core.document.arcs import parse_arc
from fsm_core.document.composing import step
from fsm_core.document.report import Report
from fsm_core.document.states import parse_state
from fsm_core.document.structure import check_structure


@dataclass(slots=True)
class Networks:
    """What all networks of a document hold together."""

    start: str = ""
    states: dict[str, State] = field(default_factory=dict)
    arcs: list[Arc] = field(default_factory=list)
    networks: dict[str, Network] = field(default_factory=dict)


def parse_networks(report: Report, root: dict[str, Any]) -> Networks:
    """Every network; the states of the main one have no prefix."""
    whole = Networks()
    if "networks" not in root:
        whole.start = _network(report, root, "", "main", whole)
        return whole
    nodes = [(report.object(item, f"/networks/{i}", "a network"), f"/networks/{i}")
             for i, item in enumerate(report.list(root["networks"], "/networks", "`networks`"))]
    names = [report.text(node, "name", pointer) for node, pointer in nodes]
    main = report.text(root, "main_network", "") or (names[0] if len(names) == 1 else "")
    if len(names) != 1 and not main:
        report.say(104, "`main_network` is missing", "/main_network")
    elif main not in names:
        near = difflib.get_close_matches(main, names, 1)
        report.say(104, f"no network is called '{main}'", "/main_network", f"did you mean '{near[0]}'?" if near else "")
    for (node, pointer), name in zip(nodes, names, strict=True):
        report.keys(node, pointer, ("name", "description", "states", "arcs"), ("resources",))
        if name in whole.networks:
            report.say(101, f"the network '{name}' is there twice", pointer)
            continue
        report.prefix = "" if name == main else f"{name}/"
        start = _network(report, node, pointer, name, whole)
        whole.start = start if name == main else whole.start
    report.prefix = ""
    _pushes(report, whole, main)
    return whole


def _network(report: Report, node: dict[str, Any], pointer: str, name: str, whole: Networks) -> str:
    """Add a network; its start state."""
    here = step(pointer, "states")
    states: list[State] = []
    inside: list[tuple[Any, str, str]] = []
    for i, item in enumerate(report.list(node.get("states"), here, "`states`")):
        below = report.object(item, step(here, i), "a state")
        state = parse_state(report, below, step(here, i)) if below else None
        if state is not None:
            states.append(state)
            inside.append((below.get("arcs"), step(step(here, i), "arcs"), state.name.removeprefix(report.prefix)))
    arcs = [arc for value, place, source in inside for arc in _arcs(report, value, place, source)]
    arcs += _arcs(report, node.get("arcs"), step(pointer, "arcs"), None)
    check_structure(report, states, arcs, here)
    start = next((s.name for s in states if s.is_start), "")
    whole.states.update({s.name: s for s in states})
    whole.arcs += arcs
    whole.networks[name] = Network(name, start, report.text(node, "description", pointer), report.document.mark(pointer))
    return start


def _arcs(report: Report, value: Any, pointer: str, source: str | None) -> list[Arc]:
    nodes = [report.object(item, step(pointer, i), "an arc")
             for i, item in enumerate(report.list(value, pointer, "`arcs`"))]
    made = [parse_arc(report, node, step(pointer, i), source) for i, node in enumerate(nodes) if node]
    return [arc for arc in made if arc is not None]


def _pushes(report: Report, whole: Networks, main: str) -> None:
    """Pushes lead to networks that are there (104), and to none that is on the way already (113)."""
    calls: dict[str, dict[str, Arc]] = {name: {} for name in (main, *whole.networks)}  # main may be a wrong name
    for arc in whole.arcs:
        source = whole.states.get(arc.source)
        for push in {way.push for way in arc.ways if way.push}:
            if push not in calls:
                near = difflib.get_close_matches(push, calls, 1)
                report.say(104, f"`push` to the unknown network '{push}'", arc.mark.pointer, f"did you mean '{near[0]}'?" if near else "")
            elif source is not None:
                calls[source.network or main][push] = arc
    for name, pushed in calls.items():
        for push, arc in pushed.items():
            if name in _below(push, calls):
                report.say(113, f"the network '{name}' pushes itself", arc.mark.pointer)


def _below(name: str, calls: dict[str, dict[str, Arc]]) -> set[str]:
    found, open_ = {name}, [name]
    while open_:
        for push in calls[open_.pop()].keys() - found:
            found.add(push)
            open_.append(push)
    return found
