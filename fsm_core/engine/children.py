"""What the template of a fan-out says of the children: the fields that it gives each of them, the loop that makes them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from fsm_core.engine.finite import Verdict, verdict
from fsm_core.expressions.trees import copied


@dataclass(frozen=True, slots=True)
class Loop:
    """A template of one object an element: `target in source`, the tests that an element must pass, the fields of its child."""

    target: str
    names: frozenset[str]
    source: ast.expr
    tests: tuple[ast.expr, ...]
    fields: tuple[tuple[str, ast.expr], ...]


def child_loop(tree: ast.expr) -> Loop | None:
    """The fused list as a loop; None where it is made in any other way."""
    match tree:
        case ast.List(elts=[ast.Starred(value=inner)]):
            return child_loop(inner)
        case ast.ListComp(elt=ast.Dict(keys=keys, values=values), generators=[loop]):
            names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            if not names or len(set(names)) < len(keys):
                return None
            mine = frozenset(n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name))
            return Loop(ast.unparse(loop.target), mine, loop.iter, tuple(loop.ifs), tuple(zip(names, values, strict=True)))
    return None


_WORST: tuple[Verdict, ...] = ("safe", "number", "scalar", "unknown")


def child_fields(tree: ast.expr, unsafe: frozenset[str]) -> dict[str, Verdict] | None:
    """The fields of every child, in order, and whether a NaN or an infinity may be in one.

    `tree` is the fused list; `unsafe` names what may hold one. None where the children are not all written as objects of the same fields.
    """
    listed = tree.elts if isinstance(tree, ast.List) else [ast.Starred(tree, ast.Load())]
    found: dict[str, Verdict] = {}
    for index, item in enumerate(listed):
        fields = _fields(item, unsafe)
        if fields is None or (index and list(fields) != list(found)):
            return None
        found = {name: max(known, found.get(name, "safe"), key=_WORST.index) for name, known in fields.items()}
    return found or None


def _fields(item: ast.expr, unsafe: frozenset[str]) -> dict[str, Verdict] | None:
    match item:
        case ast.Dict(keys=keys, values=values):
            return _named(keys, [verdict(value, unsafe) for value in values])
        case ast.Starred(value=ast.ListComp(elt=ast.Dict(keys=keys, values=values), generators=[loop])):
            if verdict(_counted(loop.iter), unsafe) != "safe":
                return _named(keys, ["unknown"] * len(keys))
            mine = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            return _named(keys, [verdict(_own(value, mine), unsafe) for value in values])
    return None


def _named(keys: list[ast.expr | None], verdicts: list[Verdict]) -> dict[str, Verdict] | None:
    names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return dict(zip(names, verdicts, strict=True)) if len(set(names)) == len(keys) else None


def _counted(tree: ast.expr) -> ast.expr:
    """What `enumerate` goes over."""
    match tree:
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner]):
            return inner
    return tree


def _own(tree: ast.expr, names: set[str]) -> ast.expr:
    """A copy in which loop variables are called as locals of the generated code are."""
    made = copied(tree)
    for node in ast.walk(made):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = f"_{node.id}"
    return made
