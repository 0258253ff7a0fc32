"""All that a state does on entry, a line a formula: what a page has room for and a drawing has not."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

from fsm_core.definition import Code, Rules, State


def details_of(state: State) -> Iterator[str]:
    """In the order of the language: `let qty = …`, `require …`, `set total = …`, then what its end says."""
    for rule in state.validates:
        yield from _rules(rule) if isinstance(rule, Rules) else [f"validate {written(rule)}"]
    yield from (f"let {let.name} = {written(let.template)}" for let in state.lets)
    yield from (f"require {written(need.condition)}" for need in state.requires)
    yield from (f"call {code.host.name}" if code.host is not None else f"transform {written(code)}" for code in state.transforms)
    yield from [] if state.record is None else [f"record = {written(state.record)}"]
    yield from (f"rename {rename.text} to {'.'.join(rename.target)}" for rename in state.renames)
    yield from (f"set {line.text}{'' if line.guard is None else '?'} = {written(line.template)}" for line in state.assigns)
    yield from (f"remove {remove.text}" for remove in state.removes)
    yield from [] if state.keep is None else [f"keep {', '.join(state.keep)}"]
    if state.fan_out is not None:
        yield "a record for each item" if state.fan_out is True else f"a record for each of {written(state.fan_out)}"
    yield from _sends(state)


def _rules(rules: Rules) -> Iterator[str]:
    if rules.required:
        yield f"required: {', '.join(rules.required)}"
    yield from (f"{name} is of type {kind}" for name, kind in rules.types.items())
    for name, (low, high) in rules.ranges.items():
        yield f"{name} is {f'at least {low:g}' if high is None else f'at most {high:g}' if low is None else f'from {low:g} to {high:g}'}"


def _sends(state: State) -> Iterator[str]:
    said = [("key", state.key), *((f"header {name}", code) for name, code in state.headers), ("timestamp", state.timestamp), ("message", state.message)]
    yield from (f"{name} = {written(code)}" for name, code in said if code is not None)


def written(code: Code) -> str:
    """A formula on one line; a constant as JSON; a list with loops, which is lowered to one expression, by its beginning only."""
    if isinstance(code.tree, ast.Constant):
        return json.dumps(code.tree.value, ensure_ascii=False, default=repr)
    text = " ".join(code.source.split())
    return "{ … }" if text.startswith("{") and "**{" in text else "[ … ]" if text.startswith("[*") else text
