"""Checks of one piece of logic at a time: retry, catch, purity, changes in place, dots in keys, lets nobody reads."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator

from fsm_core.checks.spelling import one_slip
from fsm_core.definition import Arc, Code, Definition, Finding, State
from fsm_core.expressions.names import MUTATORS
from fsm_core.expressions.placing import mark_of

_ERRORS = frozenset([*(n for n, e in vars(builtins).items() if isinstance(e, type) and issubclass(e, Exception)), "ValidationError"])
_CHANCE = frozenset(["random", "secrets", "uuid", "time", "datetime", "urandom", "utcnow"])


def logic_findings(definition: Definition) -> Iterator[Finding]:
    """Findings 303, 322, 324, 331, 340, 341 and 411."""
    leaving: dict[str, list[Arc]] = defaultdict(list)
    for arc in definition.arcs:
        leaving[arc.source].append(arc)
    for state in definition.states.values():
        yield from _retries(state)
        yield from _catches(state)
        yield from _lets(leaving[state.name], state)
        yield from _dots(state)
        if state.message is not None and state.outcome != "error":
            yield Finding(322, "info", f"the message of '{state.name}' is never shown: it is no error end", state.mark)
        for code in (*state.validates, *state.transforms):
            if isinstance(code, Code) and code.kind == "inline" and definition.trusted:
                yield from _host(code)
    for arc in definition.arcs:
        target = definition.states.get(arc.target)
        if arc.message is not None and arc.switch is None and arc.push is None and target is not None and target.is_end and target.outcome != "error":
            yield Finding(322, "info", f"the message of {arc.name} is never shown: it leads to no error", arc.mark)


def _retries(state: State) -> Iterator[Finding]:
    if state.retry is not None and not any(c.kind == "callable" and not (c.host and c.host.pure) for c in state.transforms):
        yield Finding(340, "warning", f"'{state.name}' retries a pure function: it fails again in the same way", state.mark)


def _catches(state: State) -> Iterator[Finding]:
    steps = (state.validates, state.transforms, state.assigns, state.lets, state.requires, state.renames, state.record, state.fan_out)
    if (state.catches or state.on_error) and not any(steps):
        yield Finding(341, "warning", f"nothing that '{state.name}' does can fail: its on_error or catch is dead", state.mark)
    yield from _unknown_errors(state)
    seen: list[str] = []
    for catch in state.catches:
        if "Exception" in seen or (catch.errors and all(any(_covers(s, e) for s in seen) for e in catch.errors)):
            yield Finding(341, "warning", f"a catch before takes all that goes to '{catch.to}'", catch.mark)
        seen += catch.errors or ("Exception",)


def _unknown_errors(state: State) -> Iterator[Finding]:
    """Names of exceptions that nothing raises: pure code raises Python's own, a function of the host its own too."""
    foreign = any(isinstance(c, Code) and c.kind != "formula" for c in (*state.transforms, *state.validates))
    listed = [(name, c.mark) for c in state.catches for name in c.errors] + [(n, state.mark) for n in (state.retry.errors if state.retry else ())]
    for name, mark in listed:
        near = next((e for e in _ERRORS if one_slip(name, e)), None)
        if name not in _ERRORS and (near is not None or not foreign):
            yield Finding(341, "warning", f"no error is called '{name}'", mark, f"did you mean '{near}'?" if near else "such as KeyError, ValueError, TimeoutError")


def _covers(wide: str, narrow: str) -> bool:
    a, b = getattr(builtins, wide, None), getattr(builtins, narrow, None)
    return wide == narrow or (isinstance(a, type) and isinstance(b, type) and issubclass(b, a))


def _lets(arcs: list[Arc], state: State) -> Iterator[Finding]:
    if not state.lets:
        return
    used: set[str] = set()
    parts: list[object] = [*(x.template for x in state.lets), *(r.condition for r in state.requires), *(r.message for r in state.requires), *state.transforms,
             state.record, *(a.template for a in state.assigns), state.fan_out, state.key, state.timestamp, state.message,
             *(t for _, t in state.headers), *(a.guard for a in state.assigns)]
    for arc in arcs:
        parts += [arc.condition, arc.message, *(() if arc.switch is None else (arc.switch.on,)), *arc.transforms]
    for code in parts:
        used |= set(code.lets) if isinstance(code, Code) else set()
        host = code.host if isinstance(code, Code) else None
        used |= set(host.args.lets) if host is not None and host.args is not None else set()
    for let in state.lets:
        if let.name not in used:
            yield Finding(303, "info", f"'{let.name}' is computed and never read", let.mark)


def _dots(state: State) -> Iterator[Finding]:
    for code in (state.record, state.fan_out, *(a.template for a in state.assigns)):
        tree = code.tree if isinstance(code, Code) else None
        for node in ast.walk(tree) if tree is not None else ():
            for key in node.keys if isinstance(node, ast.Dict) else ():
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and "." in key.value:
                    yield Finding(324, "warning", f"the dot in the key '{key.value}' is part of the name here", mark_of(key, state.mark), "write a map in a map")


def _host(code: Code) -> Iterator[Finding]:
    if code.tree is None:
        return
    for node in ast.walk(code.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.Constant(value=str() as name) if name in _CHANCE:
                if not isinstance(node, ast.Constant) or "__import__" in code.source:
                    yield Finding(411, "warning", f"`{name}` makes the result differ from run to run", mark_of(node, code.mark), "state.now is the moment of the chunk")
                    return
    for node in ast.walk(code.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in MUTATORS and _is_record(value):
                yield Finding(331, "warning", f".{method}() changes the record in place", mark_of(node, code.mark), "build a new one")
            case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()) if _is_record(value):
                yield Finding(331, "warning", "a field of the record is changed in place", mark_of(node, code.mark), "build a new one")


def _is_record(node: ast.expr) -> bool:
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Attribute) and node.attr == "data"
