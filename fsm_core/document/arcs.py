"""An arc of a document to an `Arc`."""

from __future__ import annotations

from typing import Any

from fsm_core.definition import Arc
from fsm_core.document.codes import parse_function, parse_functions
from fsm_core.document.composing import step
from fsm_core.document.report import Report

_KEYS = ("from", "to", "target", "condition", "priority", "else", "transform", "description", "name")
_LATER = ("push", "switch", "cases", "default", "message", "target_network", "return_state", "metadata")


def parse_arc(report: Report, node: dict[str, Any], pointer: str, source: str | None = None) -> Arc | None:
    """The arc; `source` is the state that it stands in. None when it does not say from where to where."""
    report.keys(node, pointer, _KEYS, _LATER)
    if source is None:
        source = report.text(node, "from", pointer)
    elif node.get("from", source) != source:
        report.say(104, f"an arc inside '{source}' starts there", step(pointer, "from"))
    if "to" in node and "target" in node:
        report.say(100, "say `to` or `target`, not both", step(pointer, "target"))
    target = report.text(node, "to", pointer) or report.text(node, "target", pointer)
    if not source or not target:
        if not {"push", "switch", "target_network"} & node.keys():
            report.say(104, "an arc needs `from` and `to`", pointer)
        return None
    is_else = report.flag(node, "else", pointer)
    if is_else and node.get("condition") is not None:
        report.say(112, "an arc has a `condition` or `else`, not both", step(pointer, "else"))
    condition = node.get("condition")
    return Arc(
        source, target,
        None if condition is None else parse_function(report, condition, step(pointer, "condition")),
        parse_functions(report, node.get("transform"), step(pointer, "transform")),
        is_else, _priority(report, node, pointer), report.text(node, "description", pointer), report.document.mark(pointer))


def _priority(report: Report, node: dict[str, Any], pointer: str) -> int:
    value = node.get("priority", 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    report.say(100, "`priority` must be an integer", step(pointer, "priority"))
    return 0
