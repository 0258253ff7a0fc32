"""What is known of the record at one point of the generated code: a map of names to locals, built only where it must be."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fsm_core.engine.finite import verdict
from fsm_core.engine.fusing import RECORD


@dataclass(frozen=True, slots=True)
class Record:
    """An atom is a local that is assigned once, or a constant.

    `closed`: the record has `fields` and no others, and is not built; what `_d` holds is no part of it. Otherwise it is
    the dict in `_d` with `fields` still to be written into it, in their order. `present`: fields that `_d` has. `maybe`:
    what `_d.get` gave, as long as nothing better is known. `own`: the dict in `_d` is ours alone; `held`: a catch may still want it as it is. `clean`: no NaN and no infinity is in it; `dirty`: the
    locals of which that cannot be said.
    """

    closed: bool = False
    fields: Mapping[str, ast.expr] = field(default_factory=dict)
    present: Mapping[str, ast.expr] = field(default_factory=dict)
    maybe: Mapping[str, ast.expr] = field(default_factory=dict)
    own: bool = True
    held: bool = False
    clean: bool = True
    dirty: frozenset[str] = frozenset()

    def atom(self, name: str) -> ast.expr | None:
        """The field's value, None if it is not known to be there."""
        return self.fields.get(name) or (None if self.closed else self.present.get(name))

    def lacks(self, name: str) -> bool:
        """The field is known to be missing."""
        return self.closed and name not in self.fields

    @property
    def unsafe(self) -> frozenset[str]:
        """The names that may hold a NaN or an infinity."""
        return self.dirty if self.clean else self.dirty | {RECORD}

    @property
    def is_clean(self) -> bool:
        """No NaN or infinity is in the record as it is now."""
        return (self.closed or self.clean) and all(verdict(atom, self.dirty) == "safe" for atom in self.fields.values())

    def literal(self) -> str:
        """The closed record as text."""
        return "{" + ", ".join(f"{name!r}: {ast.unparse(atom)}" for name, atom in self.fields.items()) + "}"

    def updated(self, fields: Mapping[str, ast.expr]) -> Record:
        """With these fields written over it; a field that was there keeps its place."""
        return replace(self, fields={**self.fields, **fields})

    def without(self, name: str) -> Record:
        """Nothing is known of a field any more; a closed record lacks it."""
        fields, present, maybe = ({n: a for n, a in known.items() if n != name} for known in (self.fields, self.present, self.maybe))
        return replace(self, fields=fields, present=present, maybe=maybe)

    def only(self, names: tuple[str, ...]) -> Record:
        """A built record of which no other fields are left."""
        present, maybe = ({n: a for n, a in known.items() if n in names} for known in (self.present, self.maybe))
        return Record(present=present, maybe=maybe, clean=self.clean, dirty=self.dirty)

    def built(self) -> Record:
        """After `fields` went into `_d`."""
        if self.closed:
            return Record(present=self.fields, clean=self.is_clean, dirty=self.dirty)
        return replace(self, fields={}, present={**self.present, **self.fields}, clean=self.is_clean)


def is_atom(tree: ast.expr) -> bool:
    """The expression costs nothing, cannot raise, and is the same object wherever it stands."""
    return isinstance(tree, ast.Constant) or (isinstance(tree, ast.Name) and tree.id.startswith("_") and tree.id != RECORD)
