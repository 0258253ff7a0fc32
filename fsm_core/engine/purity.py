"""What generated code may do with the logic of a machine: which code it must not call, and which values never change."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from fsm_core.definition import Code, Definition, Retry
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.functions import Functions, waits
from fsm_core.engine.points import states_of_children


def constants_of(functions: Functions, definition: Definition) -> dict[str, object]:
    """`params` and the constants that are defined, but for those that code of the author's own names and so might change."""
    named = {n.id for code in all_codes(definition) if code.kind == "inline" and code.tree is not None
             for n in ast.walk(code.tree) if isinstance(n, ast.Name)}
    names = {"params", *(d.name for d in definition.defines if d.parameters is None)}
    return {name: functions.names[name] for name in names & functions.names.keys() - named}


def finite_tables(constants: Mapping[str, object], definition: Definition) -> frozenset[str]:
    """The constants that are tables without a NaN or an infinity, in a machine without code that could put one into them."""
    if any(code.kind != "formula" for code in all_codes(definition)):
        return frozenset()
    return frozenset(name for name, value in constants.items() if isinstance(value, dict | list) and _is_finite(value))


def _is_finite(value: object) -> bool:
    seen: set[int] = set()  # a table may hold one part over and over: it is looked at once
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, float) and not math.isfinite(one):
            return False
        if isinstance(one, dict | list | tuple) and id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, dict) and not all(isinstance(name, str) for name in one):
                return False
            todo += one.values() if isinstance(one, dict) else one
    return True


def entry_codes(state: StateDefinition) -> list[Code]:
    """Every piece of logic that runs when a record enters the state."""
    found = [rule for rule in state.validates if isinstance(rule, Code)]
    found += [let.template for let in state.lets]
    found += [require.condition for require in state.requires]
    found += state.transforms
    found += [code.host.args for code in state.transforms if code.host is not None and code.host.args is not None]
    found += [] if state.record is None else [state.record]
    found += [a.guard for a in state.assigns if a.guard is not None]
    found += [a.template for a in state.assigns if isinstance(a.template, Code)]
    return found + ([state.fan_out] if isinstance(state.fan_out, Code) else [])


def all_codes(definition: Definition) -> list[Code]:
    """Every piece of logic that runs at the entry of a state or on an arc."""
    found = [code for state in definition.states.values() for code in entry_codes(state)]
    for arc in definition.arcs:
        found += [] if arc.condition is None else [arc.condition]
        found += [] if arc.switch is None else [arc.switch.on]
        found += arc.transforms
    return found


def why_interpreted(definition: Definition) -> list[tuple[str, str]]:
    """The states with functions of the host that generated code can neither call nor ask, and why: on them runs the interpreter."""
    found = []
    below = states_of_children(definition) if any(state.fan_out is not None for state in definition.states.values()) else frozenset()
    for name, state in definition.states.items():
        asked = {id(code) for code in state.transforms if waits(code, state.retry) and state.fan_out is not True}
        if asked and name in below:
            found.append((name, "it waits, and children of a fan-out come there, which wait side by side"))
        found += [(name, reason) for code in entry_codes(state) if id(code) not in asked and (reason := _why(code, state.retry)) is not None]
    for arc in definition.arcs:
        codes = (*arc.transforms, *([] if arc.condition is None else [arc.condition]))
        found += [(arc.source, reason) for code in codes if (reason := _why(code, None)) is not None]
    return found


def _why(code: Code, retry: Retry | None) -> str | None:
    name = code.host.name if code.host is not None else code.source
    if waits(code, retry):
        return f"{name} waits, and is no transform"
    if code.kind != "callable" or (code.host is not None and code.host.pure):
        return None
    return f"{name} is not `pure: true`"
