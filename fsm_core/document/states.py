"""A state of a document to a `State`."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from fsm_core.definition import Catch, Code, Outcome, State
from fsm_core.document.codes import parse_functions, parse_validates
from fsm_core.document.composing import step
from fsm_core.document.entry import (
    parse_catches,
    parse_fan_out,
    parse_keep,
    parse_lets,
    parse_removes,
    parse_renames,
    parse_requires,
    parse_retry,
)
from fsm_core.document.report import Report
from fsm_core.document.templates import NULL, parse_assigns, parse_template, presence

_KEYS = ("name", "is_start", "is_end", "functions", "transforms", "validators", "arcs", "set", "on_error", "description",
         "outcome", "route", "reason", "key", "headers", "timestamp", "tombstone", "retry", "catch", "fan_out", "let",
         "require", "record", "rename", "remove", "keep", "message")
_LATER = ("input_schema", "schema", "resources", "pre_validators")
_END_ONLY = ("outcome", "route", "reason", "key", "headers", "timestamp", "tombstone", "message")
_ERROR_NAMES = ("error", "failed", "rejected", "invalid")


def parse_state(report: Report, node: dict[str, Any], pointer: str) -> State | None:
    """The state, or None when it has no name."""
    report.keys(node, pointer, _KEYS, _LATER)
    name = report.text(node, "name", pointer)
    if not name:
        report.say(100, "a state needs a `name`", pointer)
        return None
    is_end = report.flag(node, "is_end", pointer)
    tombstone = report.flag(node, "tombstone", pointer)
    _end_keys(report, node, pointer, is_end, tombstone)
    functions = report.object(node.get("functions", {}), step(pointer, "functions"), "`functions`")
    report.keys(functions, step(pointer, "functions"), ("validate", "transform"))
    outcome = _outcome(report, node, name, pointer) if is_end else None
    report.lets = ()
    lets = parse_lets(report, node.get("let", {}), step(pointer, "let"))
    on_error = _optional(report, node, "on_error", pointer)
    mark = report.document.mark(pointer)
    state = State(
        report.prefix + name, report.flag(node, "is_start", pointer), is_end, outcome,
        _optional(report, node, "route", pointer), _optional(report, node, "reason", pointer),
        parse_validates(report, functions.get("validate"), pointer + "/functions/validate")
        + parse_validates(report, node.get("validators"), step(pointer, "validators")),
        parse_functions(report, functions.get("transform"), pointer + "/functions/transform")
        + parse_functions(report, node.get("transforms"), step(pointer, "transforms")),
        parse_assigns(report, node.get("set", {}), step(pointer, "set")),
        report.prefix + on_error if on_error else None,
        _template(report, node, "key", pointer), _headers(report, node, pointer), _template(report, node, "timestamp", pointer),
        tombstone, report.text(node, "description", pointer), mark, report.prefix.rstrip("/"),
        bool(report.prefix) and is_end and outcome == "output" and not {"outcome", "route"} & node.keys(), lets,
        parse_requires(report, node.get("require"), step(pointer, "require")), _template(report, node, "record", pointer),
        parse_renames(report, node.get("rename", {}), step(pointer, "rename")),
        parse_removes(report, node.get("remove"), step(pointer, "remove")),
        parse_keep(report, node["keep"], step(pointer, "keep")) if "keep" in node else None,
        parse_fan_out(report, node.get("fan_out"), step(pointer, "fan_out")),
        parse_retry(report, node.get("retry"), step(pointer, "retry")),
        parse_catches(report, node.get("catch"), step(pointer, "catch"))
        + ((Catch((), report.prefix + on_error, mark),) if on_error else ()),
        _template(report, node, "message", pointer))
    if state.fan_out is True:
        _listed(report, node, pointer, state)
    report.lets_of[state.name] = report.lets
    report.lets = ()
    return state


def _end_keys(report: Report, node: dict[str, Any], pointer: str, is_end: bool, tombstone: bool) -> None:
    for key in _END_ONLY:
        if key in node and not is_end:
            report.say(100, f"`{key}` belongs to end states", step(pointer, key), "add `is_end: true`")
    if tombstone and "key" not in node:
        report.say(112, "a tombstone needs a `key`", step(pointer, "tombstone"))


def _listed(report: Report, node: dict[str, Any], pointer: str, state: State) -> None:
    """What `fan_out: true` goes with."""
    for key in [k for k in ("record", "rename", "set", "remove", "keep") if k in node]:
        report.say(112, f"`fan_out: true` takes the transform's list: `{key}` has no record", step(pointer, key))
    if not state.transforms:
        report.say(112, "`fan_out: true` needs a transform", step(pointer, "fan_out"))


def _optional(report: Report, node: dict[str, Any], key: str, pointer: str) -> str | None:
    return report.text(node, key, pointer) or None


def _template(report: Report, node: dict[str, Any], key: str, pointer: str) -> Code | None:
    return parse_template(report, node[key], step(pointer, key)) if key in node else None


def _headers(report: Report, node: dict[str, Any], pointer: str) -> tuple[tuple[str, Code], ...]:
    here = step(pointer, "headers")
    headers = report.object(node.get("headers", {}), here, "`headers`")
    return tuple(_header(report, name, value, step(here, name)) for name, value in headers.items())


def _header(report: Report, key: Any, value: Any, pointer: str) -> tuple[str, Code]:
    """A header's name and its template; with `?` it is null, and so left out, where a path in it is absent or null."""
    if not isinstance(key, str):
        report.say(117, f"the key {key!r} is no text", pointer, "quote it")
    name, template = str(key), parse_template(report, value, pointer)
    asked = presence(template.tree) if name.endswith("?") and isinstance(template.tree, ast.expr) else None
    if asked is not None and isinstance(template.tree, ast.expr):
        template = report.judge(replace(template, tree=ast.IfExp(asked, template.tree, NULL)))
    return name.removesuffix("?"), template


def _outcome(report: Report, node: dict[str, Any], name: str, pointer: str) -> Outcome:
    match node.get("outcome"):
        case "output" | "error" | "drop" as outcome:
            made: Outcome = outcome
        case None:
            made = "error" if name in _ERROR_NAMES and "route" not in node else "output"
        case other:
            report.say(100, f"unknown outcome `{other}`", step(pointer, "outcome"), "output, error or drop")
            made = "output"
    if node.get("route") is not None and made != "output":
        report.say(112, "`route` goes with outcome output", step(pointer, "route"))
    if node.get("reason") is not None and made != "drop":
        report.say(322, "nothing shows this `reason`: it goes with outcome drop", step(pointer, "reason"), "an error end has a `message`", "info")
    return made
