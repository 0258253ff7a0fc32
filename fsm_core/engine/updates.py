"""How a record becomes its next version: fields as locals, a dict only where something holds on to the record itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from fsm_core.engine.finite import verdict
from fsm_core.engine.fusing import RECORD
from fsm_core.engine.inlining import rounded, rounding, text_of
from fsm_core.engine.paths import renamed_path, with_path, without_path
from fsm_core.engine.reading import build, let_go, own, read
from fsm_core.engine.record import Record, is_atom
from fsm_core.engine.source import Flow, Source

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
    return _over(fields, [tree for _, tree in items], flow)


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
    return _over({path[0]: ast.Name(local, ast.Load())}, [tree], flow)


def remove(path: tuple[str, ...], source: Source, flow: Flow) -> Flow:
    """The record loses what stands at a path; objects on the way are copied."""
    if flow.record.lacks(path[0]):
        return flow
    if len(path) > 1:
        return _replaced(partial(without_path, path=path), path[0], source, flow)
    if flow.record.closed:
        return replace(flow, record=flow.record.without(path[0]))
    flow = own(source, build(source, flow))
    source.line(flow, f"{RECORD}.pop({path[0]!r}, None)")
    return replace(flow, record=flow.record.without(path[0]))


def rename(old: tuple[str, ...], new: tuple[str, ...], source: Source, flow: Flow) -> Flow:
    """What stands at one path stands at another instead; nothing happens where there is nothing."""
    if flow.record.lacks(old[0]):
        return flow
    if len(old) > 1 or len(new) > 1 or old == new:
        return _replaced(partial(renamed_path, source=old, target=new), None, source, flow)
    atom = flow.record.atom(old[0])
    if flow.record.closed and atom is not None:
        return replace(flow, record=flow.record.without(old[0]).updated({new[0]: atom}))
    flow = own(source, build(source, flow))
    source.line(flow, f"if {old[0]!r} in {RECORD}: {RECORD}[{new[0]!r}] = {RECORD}.pop({old[0]!r})")
    return replace(flow, record=flow.record.without(old[0]).without(new[0]))


def keep(names: tuple[str, ...], source: Source, flow: Flow) -> Flow:
    """All other fields go."""
    record = flow.record
    if record.closed:
        return replace(flow, record=replace(record, fields={n: a for n, a in record.fields.items() if n in names}))
    flow = build(source, flow)
    source.line(flow, f"{RECORD} = {{_a: _b for _a, _b in {RECORD}.items() if _a in {source.hold('k', frozenset(names))}}}")
    return replace(flow, record=flow.record.only(names))


def _replaced(function: Callable[[dict[str, Any]], dict[str, Any]], field: str | None, source: Source, flow: Flow) -> Flow:
    """The record becomes what a function of it gives, which may differ in one field, or in any."""
    flow = build(source, flow)
    source.line(flow, f"{RECORD} = {source.hold('u', function)}({RECORD})")
    record = flow.record
    known = record.without(field) if field is not None else Record(clean=record.clean, dirty=record.dirty)
    return replace(flow, record=replace(known, own=False))


def guarded(path: tuple[str, ...], guard: str, tree: ast.expr, source: Source, flow: Flow) -> Flow:
    """The record gets a value at a path if the guard, which is text already, is true."""
    flow = own(source, build(source, flow))
    source.line(flow, f"if {guard}:")
    inside = write(path, tree, source, flow.deeper())
    inside = build(source, inside)
    after = flow.record.without(path[0])
    clean = inside.record.clean and flow.record.clean
    return replace(flow, record=replace(after, own=inside.record.own, clean=clean, dirty=flow.record.dirty | inside.record.dirty))


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


def _over(fields: Mapping[str, ast.expr], trees: list[ast.expr], flow: Flow) -> Flow:
    """The record with these fields over it; a dict that a value holds on to is left as it is."""
    flow = let_go(trees, flow)
    return replace(flow, record=flow.record.updated(fields))


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
