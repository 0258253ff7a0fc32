"""How a record becomes its next version: fields as locals, a dict only where something holds on to the record itself."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from fsm_core.engine.finite import verdict
from fsm_core.engine.fusing import RECORD
from fsm_core.engine.inlining import rounded, rounding, text_of
from fsm_core.engine.interpreter import with_path
from fsm_core.engine.reading import read
from fsm_core.engine.record import Record, is_atom
from fsm_core.engine.source import Flow, Source
from fsm_core.engine.uses import uses

Items = list[tuple[str, ast.expr]]


def items_of(tree: ast.expr, record: Record) -> Items | None:
    """The fields that a dict's text names, those of a closed record in it too. None if it says anything else."""
    if not isinstance(tree, ast.Dict):
        return None
    items: Items = []
    for index, (key, value) in enumerate(zip(tree.keys, tree.values, strict=True)):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            items.append((key.value, value))
        elif key is not None or not (isinstance(value, ast.Name) and value.id == RECORD) or not (record.closed or index == 0):
            return None
        elif record.closed:
            items.extend(record.fields.items())
    return items


def extends(tree: ast.expr, record: Record) -> bool:
    """The dict starts with all of a record whose fields are not all known."""
    return isinstance(tree, ast.Dict) and tree.keys[:1] == [None] and not record.closed


def become(items: Items, source: Source, flow: Flow) -> Flow:
    """The record has these fields and no others."""
    fields, flow = _computed(items, source, flow)
    return replace(flow, record=Record(closed=True, fields=fields, dirty=flow.record.dirty))


def update(items: Items, source: Source, flow: Flow) -> Flow:
    """The record gets these fields."""
    fields, flow = _computed(items, source, flow)
    return _over(fields, [tree for _, tree in items], source, flow)


def write(path: tuple[str, ...], tree: ast.expr, source: Source, flow: Flow) -> Flow:
    """The record gets a value at a path."""
    if len(path) == 1:
        return update([(path[0], tree)], source, flow)
    value, flow = _atom(tree, source, flow)
    get = ast.Call(ast.Attribute(ast.Name(RECORD, ast.Load()), "get", ast.Load()), [ast.Constant(path[0])], [])
    inner, flow = read(get, source, flow)
    local = source.name("t")
    _write_inside(local, inner, path[1:], value, source, flow)
    if verdict(ast.List([inner, value], ast.Load()), flow.record.unsafe) != "safe":
        flow = _dirty(local, flow)
    return _over({path[0]: ast.Name(local, ast.Load())}, [tree], source, flow)


def _write_inside(local: str, inner: ast.expr, rest: tuple[str, ...], value: ast.expr, source: Source, flow: Flow) -> None:
    """Lines that make the local a copy of an object with the value in it."""
    text = ast.unparse(value)
    made, copied = f"{{{rest[0]!r}: {text}}}", f"{{**{local}, {rest[0]!r}: {text}}}"
    if len(rest) > 1:
        source.names["_with_path"] = with_path
        made, copied = f"_with_path({{}}, {rest!r}, {text})", f"_with_path({local}, {rest!r}, {text})"
    source.line(flow, f"{local} = {ast.unparse(inner)}")
    source.line(flow, f"if {local}.__class__ is dict: {local} = {copied}")
    source.line(flow, f"elif {local} is None: {local} = {made}")
    source.line(flow, "else: raise _Unusual")


def _over(fields: Mapping[str, ast.expr], trees: list[ast.expr], source: Source, flow: Flow) -> Flow:
    """The record with these fields over it; a dict that is not ours, or that a value holds on to, is left as it is."""
    record = flow.record
    if not record.closed and (not record.own or any(uses(tree).escapes for tree in trees)):
        source.line(flow, f"{RECORD} = {{**{RECORD}}}")
        record = replace(record, own=True)
    return replace(flow, record=record.updated(fields))


def _computed(items: Items, source: Source, flow: Flow) -> tuple[dict[str, ast.expr], Flow]:
    fields: dict[str, ast.expr] = {}
    for name, tree in items:
        fields[name], flow = _atom(tree, source, flow)
    return fields, flow


def _atom(tree: ast.expr, source: Source, flow: Flow) -> tuple[ast.expr, Flow]:
    """The value as a local, and looked at where it is a number that may not be finite."""
    value, flow = read(tree, source, flow)
    if is_atom(value):
        return value, flow
    known, local = verdict(value, flow.record.unsafe), source.name("t")
    looked_at = known in ("number", "scalar") and (flow.record.closed or flow.record.clean)
    inner = rounded(value, source.names) if looked_at else None
    source.line(flow, f"{local} = {text_of(value if inner is None else inner, source)}")
    if inner is not None:
        for line in rounding(local, source.name("y"), source.name("z"), inner):
            source.line(flow, line)
    elif looked_at:
        kind = "" if known == "number" else f"{local}.__class__ is float and "
        source.line(flow, f"if {kind}{local} - {local} != 0.0: raise _Unusual")
    return ast.Name(local, ast.Load()), flow if looked_at or known == "safe" else _dirty(local, flow)


def _dirty(local: str, flow: Flow) -> Flow:
    return replace(flow, record=replace(flow.record, dirty=flow.record.dirty | {local}))
