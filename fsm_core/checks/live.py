"""Which fields somebody still reads, and which fields a piece of code reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from fsm_core.checks.logic import place


@dataclass(frozen=True, slots=True)
class Live:
    """The fields that are read later on: those of `names`, or (`whole`) all but those of `names`."""

    whole: bool = False
    names: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Whether somebody reads the field."""
        return (name in self.names) is not self.whole

    def union(self, other: Live) -> Live:
        """What either reads."""
        if self.whole and other.whole:
            return Live(True, self.names & other.names)
        if self.whole or other.whole:
            most, listed = (self, other) if self.whole else (other, self)
            return Live(True, most.names - listed.names)
        return Live(False, self.names | other.names)

    def without(self, name: str) -> Live:
        """Before the field is written anew."""
        return Live(self.whole, self.names | {name} if self.whole else self.names - {name})

    def only(self, names: Iterable[str]) -> Live:
        """Before all other fields go."""
        return Live(False, frozenset(n for n in names if self.has(n)))


NOTHING = Live()
EVERYTHING = Live(True)


def fields_read(tree: ast.AST | None) -> Live:
    """What an expression over `data` reads; EVERYTHING where it uses the record as a whole."""
    if tree is None:
        return EVERYTHING
    found: set[str] = set()
    whole = _collect(tree, found)
    return EVERYTHING if whole else Live(False, frozenset(found))


def _collect(node: ast.AST, found: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "data"
    at = place(node)
    if at is not None and at[0] == "data" and at[1] and isinstance(at[1][0], str):
        found.add(at[1][0])
        return False
    match node:
        case ast.Compare(left=ast.Constant(value=str() as name), ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id="data")]):
            found.add(name)
            return False
        case ast.Call(func=ast.Attribute(value=ast.Name(id="data"), attr="get"), args=[ast.Constant(value=str() as name), default]):
            found.add(name)
            return _collect(default, found)
    return any(_collect(child, found) for child in ast.iter_child_nodes(node))
