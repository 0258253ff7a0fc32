"""A document to a `Definition`: every finding is collected, none stops the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsm_core.definition import Arc, Definition, Finding, State
from fsm_core.document.arcs import parse_arc
from fsm_core.document.composing import step
from fsm_core.document.params import parse_params
from fsm_core.document.reading import Document
from fsm_core.document.report import Report
from fsm_core.document.states import parse_state
from fsm_core.document.structure import check_structure
from fsm_core.errors import DocumentError

Functions = Mapping[str, Callable[..., Any]]
_LATER = ("input_schema", "functions", "define", "numbers", "resources", "data_mode")


def parse(document: Document, functions: Functions | None = None, params: Mapping[str, Any] | None = None) -> Definition:
    """The definition; raises DocumentError with every finding when one of them is an error."""
    definition, findings = examine(document, functions, params)
    if definition is None:
        raise DocumentError(findings)
    return definition


def examine(
    document: Document, functions: Functions | None = None, params: Mapping[str, Any] | None = None
) -> tuple[Definition | None, list[Finding]]:
    """The definition (None if there are errors) and everything found, in document order."""
    report = Report(document, functions)
    definition = None
    if not report.findings or isinstance(document.content, dict):
        root = report.object(document.content, "", "a machine")
        if root or not report.findings:
            definition = _machine(report, root, params or {})
    findings = list(dict.fromkeys(report.findings))
    findings.sort(key=lambda f: (f.mark.line or 0, f.mark.column or 0))
    return (None if any(f.severity == "error" for f in findings) else definition), findings


def _machine(report: Report, root: dict[str, Any], params: Mapping[str, Any]) -> Definition:
    keys = ("name", "version", "description", "params", "max_transitions", "tests", "main_network", "networks")
    short = "networks" not in root
    report.keys(root, "", (*keys, "states", "arcs") if short else keys, _LATER)
    report.params = parse_params(report, root.get("params", {}), params)
    network, pointer = (root, "") if short else _main(report, root)
    if not short:
        report.keys(network, pointer, ("name", "description", "states", "arcs"), ("resources",))
    states, arcs = _states(report, network, pointer)
    arcs += _arcs(report, network.get("arcs"), step(pointer, "arcs"), None)
    check_structure(report, states, arcs, step(pointer, "states"))
    by_name = {s.name: s for s in states}
    start = next((s.name for s in states if s.is_start), "")
    return Definition(
        report.text(root, "name", "", "machine"), report.text(root, "version", ""), report.document.digest, start, by_name,
        tuple(arcs), report.trusted, _max_transitions(report, root), report.params, _tests(report, root),
        report.text(root, "description", ""), report.document.mark(""))


def _main(report: Report, root: dict[str, Any]) -> tuple[dict[str, Any], str]:
    networks = report.list(root["networks"], "/networks", "`networks`")
    main = report.text(root, "main_network", "")
    found: tuple[dict[str, Any], str] | None = None
    for i, item in enumerate(networks):
        pointer = f"/networks/{i}"
        network = report.object(item, pointer, "a network")
        if found is None and (network.get("name") == main or (not main and len(networks) == 1)):
            found = network, pointer
        else:
            report.say(190, f"a second network ('{network.get('name')}') is not supported yet", pointer)
    if found is None:
        report.say(104, f"no network is called '{main}'" if main else "`main_network` is missing", "/main_network")
        return {}, "/networks"
    return found


def _states(report: Report, network: dict[str, Any], pointer: str) -> tuple[list[State], list[Arc]]:
    here = step(pointer, "states")
    states: list[State] = []
    arcs: list[Arc] = []
    for i, item in enumerate(report.list(network.get("states"), here, "`states`")):
        node = report.object(item, step(here, i), "a state")
        state = parse_state(report, node, step(here, i)) if node else None
        if state is not None:
            states.append(state)
            arcs += _arcs(report, node.get("arcs"), step(step(here, i), "arcs"), state.name)
    return states, arcs


def _arcs(report: Report, value: Any, pointer: str, source: str | None) -> list[Arc]:
    nodes = [report.object(item, step(pointer, i), "an arc")
             for i, item in enumerate(report.list(value, pointer, "`arcs`"))]
    made = [parse_arc(report, node, step(pointer, i), source) for i, node in enumerate(nodes) if node]
    return [arc for arc in made if arc is not None]


def _max_transitions(report: Report, root: dict[str, Any]) -> int:
    value = root.get("max_transitions", 1000)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    report.say(100, "`max_transitions` must be a positive integer", "/max_transitions")
    return 1000


def _tests(report: Report, root: dict[str, Any]) -> tuple[Mapping[str, Any], ...]:
    tests = report.list(root.get("tests"), "/tests", "`tests`")
    return tuple(report.object(test, f"/tests/{i}", "a test") for i, test in enumerate(tests))
