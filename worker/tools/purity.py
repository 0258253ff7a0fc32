"""Whether a machine says the same of a record today as it did when it ran."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from fsm_core.definition import Code, Definition

_CLOCKS = frozenset({"now", "today", "time", "datetime", "random", "uuid", "uuid4", "secrets", "os"})


def impure(machine: Any) -> str:
    """Why it may say something else, empty if it cannot; that it asks for the time is told by `clocked`."""
    if machine.is_async:
        return "the machine has async functions"
    for code in _codes(machine.definition):
        if why := _why(code, machine.definition.trusted):
            return why
    return ""


def clocked(definition: Definition) -> frozenset[str]:
    """The states in which a record's way depends on the time: they, or arcs out of them, read `state.now` (a define cannot)."""
    found = {name for name, state in definition.states.items() if any(map(_asks, _codes(state)))}
    return frozenset(found | {arc.source for arc in definition.arcs if any(map(_asks, _codes(arc)))})


def _asks(code: Code) -> bool:
    nodes = ast.walk(code.tree) if code.tree is not None else ()
    return any(isinstance(n, ast.Attribute) and n.attr == "now" and isinstance(n.value, ast.Name) and n.value.id == "state" for n in nodes)


def _codes(value: Any) -> Iterator[Code]:
    """Every piece of logic anywhere in a definition."""
    if isinstance(value, Code):
        yield value
        if value.host is not None:
            yield from _codes(value.host.args)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _codes(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _codes(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _codes(each)


def _why(code: Code, trusted: bool) -> str:
    if code.kind == "callable" and not (code.host is not None and code.host.pure):
        return f"the machine calls {code.source}, which is not said to be pure"
    if code.kind == "inline" and trusted:
        return "the machine holds trusted inline code, which may do anything"
    names = {n.id for n in ast.walk(code.tree) if isinstance(n, ast.Name)} if code.tree is not None else set()
    if trusted and (clocks := sorted(names & _CLOCKS)):  # elsewhere these are names of the author's own, a `let` say
        return f"the machine reads {clocks[0]}"
    return ""
