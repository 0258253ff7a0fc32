"""How a fused expression uses the record: which fields it reads, and whether it needs the whole."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from fsm_core.engine.fusing import RECORD


@dataclass(frozen=True, slots=True)
class Uses:
    """How an expression uses the record: `escapes` if the record itself may outlive the expression; `whole` if it looks
    at more than fields whose names are in the text."""

    escapes: bool
    whole: bool


def uses(tree: ast.AST) -> Uses:
    """How a fused expression uses the record."""
    reader = _Reader()
    reader.visit(tree)
    return Uses(reader.escapes, reader.escapes or reader.looked_at)


@dataclass(frozen=True, slots=True)
class FieldRead:
    """A read of one field whose name is in the text: `_d['name']`, `_d.get('name'[, default])`, `'name' [not] in _d`."""

    how: Literal["item", "get", "in"]
    name: str
    default: ast.expr | None = None
    negated: bool = False


def field_read(node: ast.AST) -> FieldRead | None:
    """The node as a read of one field, None if it is none."""
    match node:
        case ast.Subscript(value=ast.Name(id=record), slice=ast.Constant(value=str() as name)) if record == RECORD:
            return FieldRead("item", name)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=record), attr="get"), args=[ast.Constant(value=str() as name), *rest],
                      keywords=[]) if record == RECORD and len(rest) < 2 and not any(isinstance(r, ast.Starred) for r in rest):
            return FieldRead("get", name, rest[0] if rest else None)
        case ast.Compare(left=ast.Constant(value=str() as name), ops=[ast.In() | ast.NotIn() as how],
                         comparators=[ast.Name(id=record)]) if record == RECORD:
            return FieldRead("in", name, negated=isinstance(how, ast.NotIn))
    return None


def _is_record(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == RECORD


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.looked_at = self.escapes = False

    def visit(self, node: ast.AST) -> None:
        found = field_read(node)
        if found is None:
            super().visit(node)
        elif found.default is not None:
            self.visit(found.default)

    def visit_Name(self, node: ast.Name) -> None:
        self.escapes = self.escapes or _is_record(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """The value of a field whose name is computed is not the record."""
        self._look([node.value], [node.slice])

    def visit_Compare(self, node: ast.Compare) -> None:
        self._look([node.left, *node.comparators], [])

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("len", "isinstance", "_fsm_read"):
            self._look(node.args, [])
        else:
            self.generic_visit(node)

    def _look(self, parts: list[ast.expr], others: list[ast.expr]) -> None:
        self.looked_at = self.looked_at or any(map(_is_record, parts))
        for part in [*(x for x in parts if not _is_record(x)), *others]:
            self.visit(part)
