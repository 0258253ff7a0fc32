"""How a document writes logic: a text, an object with type and code, a ref, a function object, declarative rules."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from fsm_core.definition import Code, Host, Rules
from fsm_core.document.composing import step
from fsm_core.document.report import Report
from fsm_core.expressions import NotCode, parse_code

_TYPES = ("inline", "builtin", "custom", "registered")
_JSON_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


def parse_function(report: Report, spec: Any, pointer: str) -> Code | None:
    """One function or condition; None, with a finding, where it is none."""
    if isinstance(spec, str):
        return _text(report, spec, pointer)
    if callable(spec):
        if report.trusted:
            return Code("callable", _name(spec), None, spec, report.document.mark(pointer))
        report.say(410, "a safe document holds no function objects", pointer)
        return None
    if not isinstance(spec, dict):
        report.say(112, f"a function is a text or an object, not {type(spec).__name__}", pointer)
        return None
    report.keys(spec, pointer, ("type", "code", "ref", "name", "pure", "idempotent", "description", "mode", "timeout", "args", "into", "retry"),
                ("params", "module"))
    if "retry" in spec:
        report.say(100, "`retry` belongs to the state, not to its function", step(pointer, "retry"), "write it beside `functions:`")
    kind = spec.get("type", "inline" if "code" in spec else "registered")
    if kind not in _TYPES:
        report.say(100, f"unknown function type `{kind}`", step(pointer, "type"), "one of " + ", ".join(_TYPES))
        return None
    if "code" in spec:
        return _coded(report, spec, kind, pointer)
    name = spec.get("ref", spec.get("name"))
    if not isinstance(name, str):
        report.say(112, "a function needs `code` or `ref`", pointer)
        return None
    return _registered(report, spec, name, pointer)


def _coded(report: Report, spec: dict[str, Any], kind: str, pointer: str) -> Code | None:
    if "ref" in spec or kind != "inline":
        report.say(112, "`code` goes with type inline and without `ref`", pointer)
        return None
    if isinstance(spec["code"], str):
        return _text(report, spec["code"], step(pointer, "code"))
    if callable(spec["code"]):
        return parse_function(report, spec["code"], step(pointer, "code"))
    report.say(112, "`code` must be text", step(pointer, "code"))
    return None


def _text(report: Report, text: str, pointer: str) -> Code | None:
    try:
        return report.judge(parse_code(text, report.document.mark(pointer), report.document.place(pointer)))
    except NotCode as error:
        report.not_code(error, text, pointer)
        return None


def parse_formula(report: Report, text: str, pointer: str) -> Code | None:
    """A text that must be a formula, not inline code."""
    code = _text(report, text, pointer)
    if code is not None and code.kind != "formula":
        report.say(112, "a formula is an expression, not a lambda or def", pointer)
        return None
    return code


def _registered(report: Report, spec: dict[str, Any], name: str, pointer: str) -> Code:
    function: Callable[..., Any] | None = (report.functions or {}).get(name)
    if function is None and report.trusted:
        place = report.table.get(name, name)
        function = _imported(place) if ":" in place else None
    if function is None:
        report.say(111, f"no function '{name}'", pointer, "give it by `functions:` in the worker's file, by --function, or by functions=")
    return Code("callable", name, None, function, report.document.mark(pointer), (), _host(report, spec, name, pointer))


def _host(report: Report, spec: dict[str, Any], name: str, pointer: str) -> Host:
    from fsm_core.document.entry import duration  # templates and functions hold each other
    from fsm_core.document.templates import parse_template, written_path

    mode = spec.get("mode", "record")
    if mode not in ("record", "batch"):
        report.say(112, f"unknown mode `{mode}`", step(pointer, "mode"), "batch, or nothing")
    timeout = duration(report, spec, "timeout", pointer, 0.0) if spec.get("timeout") is not None else None
    args = parse_template(report, spec["args"], step(pointer, "args")) if "args" in spec else None
    into = written_path(report, spec["into"], step(pointer, "into")) or () if "into" in spec else ()
    return Host(name, mode == "batch", timeout, args, into, report.flag(spec, "pure", pointer), report.flag(spec, "idempotent", pointer))


def _imported(name: str) -> Callable[..., Any] | None:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if callable(found) else None


def _name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def parse_functions(report: Report, spec: Any, pointer: str) -> tuple[Code, ...]:
    """One function or a list of them."""
    if spec is None:
        return ()
    if isinstance(spec, list):
        found = [parse_function(report, item, step(pointer, i)) for i, item in enumerate(spec)]
    else:
        found = [parse_function(report, spec, pointer)]
    return tuple(f for f in found if f is not None)


def parse_validates(report: Report, spec: Any, pointer: str) -> tuple[Code | Rules, ...]:
    """Validates: functions or declarative rules, one or a list."""
    if spec is None:
        return ()
    if isinstance(spec, list):
        each = [parse_validates(report, item, step(pointer, i)) for i, item in enumerate(spec)]
        return tuple(v for some in each for v in some)
    if isinstance(spec, dict) and not {"code", "ref", "name", "type"} & spec.keys():
        return (_rules(report, spec, pointer),)
    return parse_functions(report, spec, pointer)


def _rules(report: Report, spec: dict[str, Any], pointer: str) -> Rules:
    report.keys(spec, pointer, ("required", "types", "ranges"))
    required = report.list(spec.get("required"), step(pointer, "required"), "`required`")
    types = report.object(spec.get("types", {}), step(pointer, "types"), "`types`")
    ranges = report.object(spec.get("ranges", {}), step(pointer, "ranges"), "`ranges`")
    for name in required:
        if not isinstance(name, str):
            report.say(112, "`required` lists field names", step(pointer, "required"))
    for name, kind in types.items():
        if kind not in _JSON_TYPES:
            report.say(112, f"unknown type `{kind}`", step(step(pointer, "types"), name), "one of " + ", ".join(_JSON_TYPES))
    bounds = {n: b for n, b in ranges.items() if _is_range(report, b, step(step(pointer, "ranges"), n))}
    return Rules(tuple(required), dict(types), {n: (b[0], b[1]) for n, b in bounds.items()})


def _is_range(report: Report, bounds: Any, pointer: str) -> bool:
    good = isinstance(bounds, list) and len(bounds) == 2 and all(
        b is None or (isinstance(b, int | float) and not isinstance(b, bool)) for b in bounds)
    if not good:
        report.say(112, "a range is [lowest, highest], null for open", pointer)
    return good


def parse_table(report: Report, value: Any) -> dict[str, str]:
    """`functions:` of a document: names for importable functions."""
    table = report.object(value, "/functions", "`functions`")
    if table and not report.trusted:
        report.say(410, "a safe document imports nothing", "/functions", "name the functions in the worker file, or trust the file")
    for name, place in table.items():
        if not (isinstance(place, str) and ":" in place):
            report.say(112, "a function is written module:name", step("/functions", name))
    return {name: place for name, place in table.items() if isinstance(place, str)}
