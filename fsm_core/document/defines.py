"""`define:` of a document: constants, tables and pure functions, in the order in which they need each other."""

from __future__ import annotations

import ast
import re
from typing import Any

from fsm_core.definition import Define
from fsm_core.document.composing import step
from fsm_core.document.report import Report
from fsm_core.document.templates import parse_template
from fsm_core.expressions.names import BUILTINS, FORMULA_NAMES, HELPERS, is_dunder, is_name

_NAME = re.compile(r"\s*([A-Za-z]\w*)\s*(?:\(\s*([\w\s,]*)\))?\s*\Z")


def parse_defines(report: Report, value: Any) -> tuple[Define, ...]:
    """The defines; the report knows their names from here on."""
    heads: dict[str, tuple[str, tuple[str, ...] | None]] = {}
    nodes = report.object(value, "/define", "`define`")
    for key in nodes:
        match = _NAME.match(str(key))
        if match is None:
            report.say(112, f"`{key}` is no name", step("/define", key), "write name or name(a, b)")
            continue
        listed = match[2]
        parameters = None if listed is None else tuple(p.strip() for p in listed.split(",") if p.strip())
        for name in (match[1], *(parameters or ())):
            if is_dunder(name) or not is_name(name):
                report.say(410, f"the name '{name}' is not allowed", step("/define", key))
            if name in BUILTINS | HELPERS | FORMULA_NAMES or (name == match[1] and name in [h[0] for h in heads.values()]):
                report.say(115, f"the name '{name}' hides another", step("/define", key))
        heads[key] = match[1], parameters
    for name, parameters in heads.values():
        if parameters is None:
            report.constants.add(name)
        else:
            report.arities[name] = len(parameters)
    names = {name for name, _ in heads.values()}
    for key, (_, parameters) in heads.items():
        if names & set(parameters or ()) or len(set(parameters or ())) < len(parameters or ()):
            report.say(115, f"a parameter of `{key}` hides another name", step("/define", key))
    report.patterns = {name: _literal(nodes[key]) for key, (name, parameters) in heads.items()
                       if parameters is None and isinstance(nodes[key], str) and not _is_formula(nodes[key])}
    made = [_define(report, name, parameters, nodes[key], step("/define", key)) for key, (name, parameters) in heads.items()]
    return _in_order(report, made)


def _is_formula(text: str) -> bool:
    return text.strip().startswith("=") and not text.strip().startswith("==")


def _literal(text: str) -> str:
    """The text that a constant is, as a template reads it."""
    return text.strip()[1:] if text.strip().startswith("==") else text


def _define(report: Report, name: str, parameters: tuple[str, ...] | None, value: Any, pointer: str) -> Define:
    with report.inside_define(parameters or ()):
        return Define(name, parameters, parse_template(report, value, pointer), report.document.mark(pointer))


def _in_order(report: Report, defines: list[Define]) -> tuple[Define, ...]:
    """Each after those that it reads; a circle is a finding."""
    by_name = {d.name: d for d in defines}
    done: dict[str, Define] = {}

    def take(define: Define, above: tuple[str, ...]) -> None:
        if define.name in above:
            report.say(112, f"the define '{define.name}' needs itself", define.mark.pointer)
            return
        assert define.body.tree is not None
        for name in sorted({n.id for n in ast.walk(define.body.tree) if isinstance(n, ast.Name)} & by_name.keys()):
            if name not in done:
                take(by_name[name], (*above, define.name))
        done.setdefault(define.name, define)

    for define in defines:
        if define.name not in done:
            take(define, ())
    return tuple(done.values())
