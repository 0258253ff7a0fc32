"""The parameters of a machine: defaults of the document, overridden by the caller, of the same type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fsm_core.document.composing import step
from fsm_core.document.report import Report


def parse_params(report: Report, declared: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that `params.x` reads. Text for a parameter whose default is no text is read as JSON."""
    defaults = report.object(declared, "/params", "`params`")
    values = dict(defaults)
    for name, default in defaults.items():
        if _kind(default) == "unknown":
            report.say(117, f"the default of '{name}' is not JSON", step("/params", name))
    for name, value in given.items():
        if name not in defaults:
            report.say(110, f"the parameter '{name}' is not declared", "/params", "add it to `params:`")
            continue
        values[name] = _read(value, defaults[name])
        if defaults[name] is not None and _kind(values[name]) != _kind(defaults[name]):
            report.say(112, f"the parameter '{name}' is a {_kind(defaults[name])}, not a {_kind(values[name])}",
                       step("/params", name))
    return values


def _read(value: Any, default: Any) -> Any:
    if not isinstance(value, str) or isinstance(default, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case dict():
            return "object"
    return "unknown"
