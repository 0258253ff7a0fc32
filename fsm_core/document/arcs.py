"""An arc of a document to an `Arc`."""

from __future__ import annotations

from typing import Any

from fsm_core.definition import Arc, Switch, Way
from fsm_core.document.codes import parse_function, parse_functions
from fsm_core.document.composing import step
from fsm_core.document.report import Report
from fsm_core.document.templates import only_formula, parse_template

_KEYS = ("from", "to", "target", "condition", "priority", "else", "transform", "description", "name", "push", "switch", "cases",
         "default", "message", "target_network", "return_state", "metadata")


def parse_arc(report: Report, node: dict[str, Any], pointer: str, source: str | None = None) -> Arc | None:
    """The arc; `source` is the state that it stands in. None when it does not say from where to where."""
    report.keys(node, pointer, _KEYS)
    if source is None:
        source = report.text(node, "from", pointer)
    elif node.get("from", source) != source:
        report.say(104, f"an arc inside '{source}' starts there", step(pointer, "from"))
    push, target = _push(report, node, pointer), _target(report, node, pointer)
    if not source or not (target or "switch" in node):
        report.say(104, "an arc needs `from` and `to`", pointer)
        return None
    report.lets = report.lets_of.get(report.prefix + source, ())
    condition = node.get("condition")
    is_else = report.flag(node, "else", pointer)
    if is_else and condition is not None:
        report.say(112, "an arc has a `condition` or `else`, not both", step(pointer, "else"))
    if "switch" in node and (is_else or condition is not None or push):
        report.say(112, "a switch has no `condition`, `else` or `push`", step(pointer, "switch"))
    arc = Arc(
        report.prefix + source, report.prefix + target if target else "",
        None if condition is None else parse_function(report, condition, step(pointer, "condition")),
        parse_functions(report, node.get("transform"), step(pointer, "transform")),
        is_else, _priority(report, node, pointer), report.text(node, "description", pointer), report.document.mark(pointer), push,
        parse_template(report, node["message"], step(pointer, "message")) if node.get("message") is not None else None,
        _switch(report, node, pointer, target))
    report.lets = ()
    return arc


def _push(report: Report, node: dict[str, Any], pointer: str) -> str | None:
    return report.text(node, "push", pointer) or report.text(node, "target_network", pointer) or None


def _target(report: Report, node: dict[str, Any], pointer: str) -> str:
    given = [key for key in ("to", "target", "return_state") if key in node]
    if len(given) > 1:
        report.say(100, f"say `{given[0]}` or `{given[1]}`, not both", step(pointer, given[1]))
    return next((text for key in given if (text := report.text(node, key, pointer))), "")


def _switch(report: Report, node: dict[str, Any], pointer: str, target: str) -> Switch | None:
    if "switch" not in node:
        for key in {"cases", "default"} & node.keys():
            report.say(112, f"`{key}` goes with `switch`", step(pointer, key))
        return None
    on = only_formula(report, node["switch"], step(pointer, "switch"))
    cases: dict[Any, Any] = report.object(node.get("cases", {}), step(pointer, "cases"), "`cases`")
    for name in cases:
        if not isinstance(name, str):
            report.say(117, f"the case {name!r} is no text, and a switch is over texts", step(step(pointer, "cases"), name), "quote it")
    ways = {str(name): way for name, case in cases.items()
            if (way := _way(report, case, step(step(pointer, "cases"), name), target)) is not None}
    default = _way(report, node["default"], step(pointer, "default"), target) if node.get("default") is not None else None
    return None if on is None else Switch(on, ways, default)


def _way(report: Report, case: Any, pointer: str, target: str) -> Way | None:
    if isinstance(case, str):
        return Way(report.prefix + case)
    node = report.object(case, pointer, "a case")
    report.keys(node, pointer, ("push", "to", "description"))
    if not {"push", "to"} & node.keys():
        report.say(104, "a case says where: the name of a state, `to`, or `push`", pointer)
    to = report.text(node, "to", pointer) or target
    if not to:
        report.say(104, "a case needs `to`", pointer)
        return None
    return Way(report.prefix + to, report.text(node, "push", pointer) or None)


def _priority(report: Report, node: dict[str, Any], pointer: str) -> int:
    value = node.get("priority", 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    report.say(100, "`priority` must be an integer", step(pointer, "priority"))
    return 0
