"""A document to a `Definition`: every finding is collected, none stops the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsm_core.definition import Definition, Finding
from fsm_core.document.codes import parse_table
from fsm_core.document.defines import parse_defines
from fsm_core.document.networks import parse_networks
from fsm_core.document.params import parse_params
from fsm_core.document.reading import Document
from fsm_core.document.report import Report
from fsm_core.errors import DocumentError

Functions = Mapping[str, Callable[..., Any]]
_LATER = ("resources", "data_mode")


def parse(document: Document, functions: Functions | None = None, params: Mapping[str, Any] | None = None) -> Definition:
    """The definition; raises DocumentError with every finding when one of them is an error."""
    definition, findings = examine(document, functions, params)
    if definition is None or any(f.severity == "error" for f in findings):
        raise DocumentError(findings)
    return definition


def examine(
    document: Document, functions: Functions | None = None, params: Mapping[str, Any] | None = None
) -> tuple[Definition | None, list[Finding]]:
    """The definition (None if there are errors other than functions that nobody gave, 111) and everything found, in document order."""
    report = Report(document, functions)
    definition = None
    if not report.findings or isinstance(document.content, dict):
        root = report.object(document.content, "", "a machine")
        if root or not report.findings:
            definition = _machine(report, root, params or {})
    findings = list(dict.fromkeys(report.findings))
    findings.sort(key=lambda f: (f.mark.line or 0, f.mark.column or 0))
    stopping = any(f.severity == "error" and f.code != 111 for f in findings)
    return (None if stopping else definition), findings


def _machine(report: Report, root: dict[str, Any], params: Mapping[str, Any]) -> Definition:
    keys = ("name", "version", "description", "params", "max_transitions", "tests", "main_network", "networks", "input_schema",
            "functions", "define", "numbers")
    short = "networks" not in root
    report.keys(root, "", (*keys, "states", "arcs") if short else keys, _LATER)
    report.params = parse_params(report, root.get("params", {}), params)
    report.table = parse_table(report, root.get("functions", {}))
    defines = parse_defines(report, root.get("define", {}))
    whole = parse_networks(report, root)
    return Definition(
        report.text(root, "name", "", "machine"), report.text(root, "version", ""), report.document.digest, whole.start, whole.states,
        tuple(whole.arcs), report.trusted, _max_transitions(report, root), report.params, _tests(report, root),
        report.text(root, "description", ""), report.document.mark(""), whole.networks, defines,
        report.object(root["input_schema"], "/input_schema", "`input_schema`") if "input_schema" in root else None,
        _exact(report, root))


def _exact(report: Report, root: dict[str, Any]) -> bool:
    if root.get("numbers") not in (None, "exact"):
        report.say(112, "`numbers` is exact, or not there", "/numbers")
    return root.get("numbers") == "exact"


def _max_transitions(report: Report, root: dict[str, Any]) -> int:
    value = root.get("max_transitions", 1000)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    report.say(100, "`max_transitions` must be a positive integer", "/max_transitions")
    return 1000


def _tests(report: Report, root: dict[str, Any]) -> tuple[Mapping[str, Any], ...]:
    tests = report.list(root.get("tests"), "/tests", "`tests`")
    return tuple(report.object(test, f"/tests/{i}", "a test") for i, test in enumerate(tests))
