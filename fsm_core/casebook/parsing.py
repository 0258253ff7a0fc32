"""`tests:` of a document to cases: a table becomes one case per row, and nothing that it says is passed over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fsm_core.casebook.tables import expand
from fsm_core.definition import Finding, Mark
from fsm_core.document.composing import step
from fsm_core.document.params import parse_params
from fsm_core.document.reading import Document
from fsm_core.document.report import Report
from fsm_core.engine.batch import Meta
from fsm_core.expressions.times import parse_time

NOW = 1767225600.0
"""2026-01-01T00:00:00Z: the moment of a test that names none."""
EXPECT = ("state", "reason", "message", "data", "absent", "route", "key", "headers", "outputs")
_KEYS = ("name", "description", "given", "meta", "now", "params", "calls", "expect", "table")
_TEXTS = ("state", "reason", "message", "route")


@dataclass(frozen=True, slots=True)
class Case:
    """One record and what must become of it."""

    name: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]
    meta: Meta | None = None
    now: float = NOW
    params: Mapping[str, Any] = field(default_factory=dict)
    mark: Mark = Mark()
    calls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def parse_cases(document: Document) -> tuple[list[Case], list[Finding]]:
    """Every case of a document, and what is wrong with how they are written."""
    report = Report(replace(document, findings=()), None)
    root = document.content if isinstance(document.content, dict) else {}
    tests = root.get("tests")
    cases: list[Case] = []
    for i, node in enumerate(tests if isinstance(tests, list) else []):  # that it must be a list, the document's parser says
        if isinstance(node, dict):
            cases += _test(report, node, f"/tests/{i}", f"test {i + 1}", root.get("params", {}))
    return cases, report.findings


def _test(report: Report, node: dict[str, Any], pointer: str, name: str, params: Any) -> list[Case]:
    report.keys(node, pointer, _KEYS)
    name = report.text(node, "name", pointer, name)
    if "table" not in node:
        return [_case(report, node, pointer, name, params)]
    rows = expand(report, node, step(pointer, "table"), EXPECT)
    return [_case(report, row, step(f"{pointer}/table/rows", i), f"{name}, row {i + 1}", params) for i, row in rows]


def _case(report: Report, node: Mapping[str, Any], pointer: str, name: str, params: Any) -> Case:
    given = report.object(node.get("given", {}), step(pointer, "given"), "`given`")
    own = report.object(node.get("params", {}), step(pointer, "params"), "`params`")
    expect = report.object(node.get("expect", {}), step(pointer, "expect"), "`expect`")
    _plain(report, given, step(pointer, "given"))
    _plain(report, expect, step(pointer, "expect"))
    if not expect:
        report.say(112, f"the test '{name}' expects nothing", pointer, "say at least the `state` in `expect`")
    _expectation(report, expect, step(pointer, "expect"))
    values = parse_params(report, params, own) if isinstance(params, dict) else {}
    return Case(name, given, expect, _meta(report, node.get("meta"), step(pointer, "meta")), _now(report, node, pointer),
                {key: values[key] for key in own if key in values}, report.document.mark(pointer),
                _calls(report, node.get("calls", {}), step(pointer, "calls")))


def _expectation(report: Report, expect: Mapping[str, Any], pointer: str) -> None:
    report.keys(expect, pointer, EXPECT)
    for key in _TEXTS:
        if expect.get(key) is not None:
            report.text(expect, key, pointer)
    for key in ("data", "headers"):
        if key in expect:
            report.object(expect[key], step(pointer, key), f"`{key}`")
    for i, name in enumerate(report.list(expect.get("absent"), step(pointer, "absent"), "`absent`")):
        if not isinstance(name, str):
            report.say(112, "`absent` lists field names", step(step(pointer, "absent"), i))
    here = step(pointer, "outputs")
    for i, output in enumerate(report.list(expect.get("outputs"), here, "`outputs`")):
        report.keys(report.object(output, step(here, i), "an output"), step(here, i), ("route", "key", "headers", "value"))


def _calls(report: Report, value: Any, pointer: str) -> Mapping[str, Mapping[str, Any]]:
    """What each function of the host answers: `{return: value}` or `{raise: name of an exception}`."""
    calls = {}
    for name, answer in report.object(value, pointer, "`calls`").items():
        here = step(pointer, name)
        calls[name] = report.object(answer, here, "an answer")
        report.keys(calls[name], here, ("return", "raise"))
        if len(calls[name].keys() & {"return", "raise"}) != 1:
            report.say(112, "an answer has `return` or `raise`", here)
        report.text(calls[name], "raise", here)
        _plain(report, calls[name].get("return"), step(here, "return"))
    return calls


def _meta(report: Report, value: Any, pointer: str) -> Meta | None:
    if value is None:
        return None
    fields = report.object(value, pointer, "`meta`")
    report.keys(fields, pointer, Meta._fields)
    report.object(fields.get("headers", {}), step(pointer, "headers"), "`headers`")
    return Meta(**{key: one for key, one in fields.items() if key in Meta._fields})


def _now(report: Report, node: Mapping[str, Any], pointer: str) -> float:
    try:
        return float(parse_time(node.get("now", NOW)))
    except ValueError:
        report.say(112, "`now` is seconds or ISO 8601 text", step(pointer, "now"))
        return NOW


def _plain(report: Report, value: Any, pointer: str) -> None:
    """Say which values are not JSON."""
    if isinstance(value, dict):
        for key, below in value.items():
            _plain(report, below, step(pointer, key))
            if not isinstance(key, str):
                report.say(117, f"the key {key!r} is no text", pointer, "quote it")
    elif isinstance(value, list):
        for i, below in enumerate(value):
            _plain(report, below, step(pointer, i))
    elif isinstance(value, float) and not math.isfinite(value) or not isinstance(value, str | int | float | None):
        report.say(117, f"{value!r} is not JSON", pointer, "quote it")
