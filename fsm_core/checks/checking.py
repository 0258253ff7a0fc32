"""All that can be said about a machine without running it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fsm_core.casebook import parse_cases
from fsm_core.checks.advice import advised
from fsm_core.checks.cases import run_findings
from fsm_core.checks.flow import Flow
from fsm_core.checks.graph import graph_findings
from fsm_core.checks.guards import guard_findings
from fsm_core.checks.hosts import logic_findings
from fsm_core.checks.reading import reading_findings
from fsm_core.checks.schemas import schema_findings
from fsm_core.checks.spelling import spelling_findings
from fsm_core.checks.tables import table_findings
from fsm_core.definition import Definition, Finding
from fsm_core.document import examine, load_document
from fsm_core.document.reading import Document, Source
from fsm_core.errors import DocumentError


def check(
    source: Source,
    trusted: bool | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """Every finding, errors and the rest, in document order; raises nothing about the document.

    Without `functions`, a `ref` of a safe document is left to a worker file and is info (111).
    """
    try:
        return check_document(load_document(source, trusted), functions, params)
    except DocumentError as error:
        return error.findings


def check_document(document: Document, functions: Mapping[str, Callable[..., Any]] | None = None, params: Mapping[str, Any] | None = None) -> list[Finding]:
    """`check` of a document that was read already."""
    definition, findings = examine(document, functions, params)
    if functions is None and not document.trusted:
        findings = [replace(f, severity="info") if f.code == 111 else f for f in findings]
    cases, more = parse_cases(document)
    findings += more
    findings += schema_findings(document)
    if definition is not None:
        findings += warnings_of(definition)
        findings += run_findings(definition, [] if more else cases)
    elif cases and not any(f.severity == "error" for f in findings):
        findings.append(Finding(500, "info", "the tests were not run: they need the functions", cases[0].mark))
    return sorted(findings, key=lambda f: (f.mark.line or 0, f.mark.column or 0))


def warnings_of(definition: Definition) -> list[Finding]:
    """What is odd about a machine that has no errors."""
    flow = Flow(definition)
    flow.run()
    found = [*graph_findings(definition), *guard_findings(definition, flow.left_over), *logic_findings(definition), *table_findings(definition), *flow.findings(),
             *spelling_findings(definition, flow.steps), *reading_findings(definition, flow.steps, flow.visited)]
    dead = {f.mark for f in found if f.code in (212, 213)}
    once: dict[tuple[int, object], Finding] = {}
    for finding in found:
        if not (finding.code == 211 and finding.mark in dead):
            once.setdefault((finding.code, finding.mark if finding.code in (210, 211) else finding), finding)
    return advised(once.values())
