"""What a state does on entry besides its functions: let, require, rename, remove, keep, fan_out, catch, retry."""

from __future__ import annotations

from typing import Any, Literal

from fsm_core.definition import Catch, Code, Let, Remove, Rename, Require, Retry
from fsm_core.document.composing import step
from fsm_core.document.durations import seconds
from fsm_core.document.report import Report
from fsm_core.document.templates import only_formula, parse_template, written_path
from fsm_core.expressions.names import BUILTINS, FORMULA_NAMES, HELPERS, is_dunder, is_name


def parse_lets(report: Report, value: Any, pointer: str) -> tuple[Let, ...]:
    """The lines of `let`; the report knows each name from its own line on."""
    made: list[Let] = []
    for name, below in report.object(value, pointer, "`let`").items():
        here = step(pointer, name)
        if not isinstance(name, str) or not is_name(name) or is_dunder(name):
            report.say(112, f"`{name}` is no name", here)
            continue
        if name in BUILTINS | HELPERS | FORMULA_NAMES | report.constants or name in report.arities:
            report.say(115, f"the name '{name}' hides another", here)
        made.append(Let(name, parse_template(report, below, here), report.document.mark(here)))
        report.lets = (*report.lets, name)
    return tuple(made)


def parse_requires(report: Report, value: Any, pointer: str) -> tuple[Require, ...]:
    """The lines of `require`."""
    made = []
    for i, item in enumerate(report.list(value, pointer, "`require`")):
        here = step(pointer, i)
        node = item if isinstance(item, dict) else {"condition": item}
        report.keys(node, here, ("condition", "message", "description"))
        condition = only_formula(report, node.get("condition"), step(here, "condition") if node is item else here)
        message = parse_template(report, node["message"], step(here, "message")) if "message" in node else None
        if condition is not None:
            made.append(Require(condition, message, report.document.mark(here)))
    return tuple(made)


def parse_renames(report: Report, value: Any, pointer: str) -> tuple[Rename, ...]:
    """The lines of `rename`."""
    made = []
    for text, below in report.object(value, pointer, "`rename`").items():
        here = step(pointer, text)
        source, target = written_path(report, text, here), written_path(report, below, here)
        if source is not None and target is not None:
            made.append(Rename(source, target, text, report.document.mark(here)))
    return tuple(made)


def parse_removes(report: Report, value: Any, pointer: str) -> tuple[Remove, ...]:
    """The items of `remove`."""
    made = []
    for i, text in enumerate(report.list(value, pointer, "`remove`")):
        here = step(pointer, i)
        path = written_path(report, text, here)
        if path is not None:
            made.append(Remove(path, text, report.document.mark(here)))
    return tuple(made)


def parse_keep(report: Report, value: Any, pointer: str) -> tuple[str, ...]:
    """The items of `keep`: top-level names, literal as they stand."""
    names = report.list(value, pointer, "`keep`")
    for i, name in enumerate(names):
        if not isinstance(name, str):
            report.say(112, "`keep` lists field names", step(pointer, i))
    return tuple(name for name in names if isinstance(name, str))


def parse_fan_out(report: Report, value: Any, pointer: str) -> Code | Literal[True] | None:
    """`true`, or the template of a list."""
    if value is True or value is False or value is None:
        return value or None
    return parse_template(report, value, pointer)


def parse_catches(report: Report, value: Any, pointer: str) -> tuple[Catch, ...]:
    """The lines of `catch`."""
    made = []
    for i, item in enumerate(report.list(value, pointer, "`catch`")):
        here = step(pointer, i)
        node = report.object(item, here, "a catch")
        report.keys(node, here, ("errors", "to", "description"))
        to = report.text(node, "to", here)
        if not to:
            report.say(104, "a catch needs `to`", here)
            continue
        made.append(Catch(_errors(report, node, here), report.prefix + to, report.document.mark(here)))
    return tuple(made)


def _errors(report: Report, node: dict[str, Any], pointer: str) -> tuple[str, ...]:
    here = step(pointer, "errors")
    names = report.list(node.get("errors"), here, "`errors`")
    for i, name in enumerate(names):
        if not isinstance(name, str):
            report.say(112, "`errors` lists names of exceptions", step(here, i))
    return tuple(name for name in names if isinstance(name, str))


def parse_retry(report: Report, value: Any, pointer: str) -> Retry | None:
    """`retry`, None where there is none."""
    if value is None:
        return None
    node = report.object(value, pointer, "`retry`")
    report.keys(node, pointer, ("errors", "attempts", "delay", "backoff", "max_delay", "jitter"))
    usual = Retry()
    attempts, backoff, jitter = node.get("attempts", usual.attempts), node.get("backoff", usual.backoff), node.get("jitter", "full")
    if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
        report.say(112, "`attempts` is a positive integer", step(pointer, "attempts"))
        attempts = usual.attempts
    if isinstance(backoff, bool) or not isinstance(backoff, int | float) or not backoff >= 1:
        report.say(112, "`backoff` is a number of at least 1", step(pointer, "backoff"))
        backoff = usual.backoff
    if jitter not in ("full", "none"):
        report.say(112, "`jitter` is full or none", step(pointer, "jitter"))
        jitter = "full"
    return Retry(_errors(report, node, pointer), attempts, duration(report, node, "delay", pointer, usual.delay),
                 float(backoff), duration(report, node, "max_delay", pointer, usual.max_delay), jitter)


def duration(report: Report, node: dict[str, Any], key: str, pointer: str, usual: float) -> float:
    """A duration of the document in seconds."""
    if key not in node:
        return usual
    found = seconds(node[key])
    if found is None:
        report.say(112, f"`{key}` is no duration", step(pointer, key), "write 250ms, 5s or 2m")
        return usual
    return found
