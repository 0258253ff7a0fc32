"""Templates (`=formula`, constants, maps and lists of them) and the paths that `set` writes to."""

from __future__ import annotations

import ast
import re
from typing import Any

from fsm_core.definition import Assign, Constant, ListTemplate, MapTemplate, Template
from fsm_core.document.codes import parse_formula
from fsm_core.document.composing import step
from fsm_core.document.report import Report

_STEP = re.compile(r"""\[\s*(?:'([^']*)'|"([^"]*)")\s*\]|([^.\[\]]+)""")


def parse_template(report: Report, value: Any, pointer: str) -> Template:
    """A template; what cannot be one is a finding and a null."""
    if isinstance(value, str):
        return _text(report, value, pointer)
    if isinstance(value, dict):
        return MapTemplate(tuple(
            (key, parse_template(report, below, step(pointer, key)))
            for key, below in value.items() if _literal_key(report, key, step(pointer, key))))
    if isinstance(value, list):
        return ListTemplate(tuple(parse_template(report, v, step(pointer, i)) for i, v in enumerate(value)))
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and value - value == 0):
        return Constant(value)
    report.say(117, f"{value!r} is not JSON", pointer, "quote it")
    return Constant(None)


def _literal_key(report: Report, key: Any, pointer: str) -> bool:
    if not isinstance(key, str):
        report.say(117, f"the key {key!r} is no text", pointer, "quote it")
        return False
    if key.startswith("=") or key.endswith("?"):
        report.say(190, f"`{key}` in a template is not supported yet", pointer)
        return False
    return True


def _text(report: Report, value: str, pointer: str) -> Template:
    stripped = value.strip()
    if stripped.startswith("=="):
        return Constant(stripped[1:])
    if stripped.startswith("="):
        return parse_formula(report, stripped[1:], pointer) or Constant(None)
    if _reads(stripped):
        report.say(116, f"`{stripped}` is text here", pointer, "write = in front, or ='…' for a text")
    return Constant(value)


def _reads(text: str) -> bool:
    """Whether a text without `=` is an expression that reads from data, state or params."""
    if not any(word in text for word in ("data", "state", "params")):
        return False
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(n, ast.Attribute | ast.Subscript) and isinstance(n.value, ast.Name)
        and n.value.id in ("data", "state", "params") for n in ast.walk(tree))


def parse_assigns(report: Report, value: Any, pointer: str) -> tuple[Assign, ...]:
    """The lines of `set`, in document order."""
    lines = []
    for name, below in report.object(value, pointer, "`set`").items():
        here = step(pointer, name)
        if not _literal_key(report, name, here):
            continue
        path = parse_path(name)
        if path is None:
            report.say(112, f"`{name}` is no field name", here, "write a name, a.b, or ['a.b']")
            continue
        lines.append(Assign(path, parse_template(report, below, here), name, report.document.mark(here)))
    return tuple(lines)


def parse_path(text: str) -> tuple[str, ...] | None:
    """`contact.email` and `['a.b']` as names on the way down; None where the text is no path."""
    names: list[str] = []
    at = 0
    while at < len(text) or text.endswith("."):
        if names and text[at:].startswith("."):
            at += 1
        elif names and not text[at:].startswith("["):
            return None
        match = _STEP.match(text, at)
        if match is None:
            return None
        names.append(next(g for g in match.groups() if g is not None))
        at = match.end()
    return tuple(names) or None
