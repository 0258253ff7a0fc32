"""A machine as checked, frozen data: what a document means once nothing in it is wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a document: JSON pointer, and file:line:column (from 1) where it has a file."""

    pointer: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.pointer or "document"
        return f"{self.file or 'document'}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has to say. `code` is a number of language.md §6."""

    code: int
    severity: Severity
    message: str
    mark: Mark = Mark()
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.mark}: {self.severity} {self.code}: {self.message}" + (f" ({self.hint})" if self.hint else "")

    def as_dict(self) -> dict[str, Any]:
        """The finding as `check --json` prints it."""
        m = self.mark
        return {"code": self.code, "severity": self.severity, "pointer": m.pointer, "file": m.file, "line": m.line,
                "column": m.column, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of logic.

    formula: one expression over `data state params` and helpers; `tree` is the parsed expression, dot rule NOT yet applied.
    inline: a lambda or `def` of (state) or (data, context); `tree` is the ast of the Lambda or FunctionDef.
    callable: a Python callable of the host (`ref`, or a function object in a dict document); `tree` is None.
    """

    kind: Literal["formula", "inline", "callable"]
    source: str
    tree: ast.AST | None = None
    function: Callable[..., Any] | None = None
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Constant:
    """A template that is itself."""

    value: Any


@dataclass(frozen=True, slots=True)
class MapTemplate:
    """A template of an object; keys are literal."""

    items: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class ListTemplate:
    """A template of a list."""

    items: tuple[Template, ...]


Template = Code | Constant | MapTemplate | ListTemplate


@dataclass(frozen=True, slots=True)
class Rules:
    """A declarative validate: present and not null; JSON Schema's type names; number ranges, ends included, None open."""

    required: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assign:
    """One line of `set`: where (the names on the way down) and what."""

    path: tuple[str, ...]
    template: Template
    text: str
    mark: Mark = Mark()


Outcome = Literal["output", "error", "drop"]


@dataclass(frozen=True, slots=True)
class State:
    """A state. An end state has an outcome; route, reason, key, headers, timestamp and tombstone belong to ends only."""

    name: str
    is_start: bool = False
    is_end: bool = False
    outcome: Outcome | None = None
    route: str | None = None
    reason: str | None = None
    validates: tuple[Code | Rules, ...] = ()
    transforms: tuple[Code, ...] = ()
    assigns: tuple[Assign, ...] = ()
    on_error: str | None = None
    key: Template | None = None
    headers: tuple[tuple[str, Template], ...] = ()
    timestamp: Template | None = None
    tombstone: bool = False
    description: str = ""
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Arc:
    """An arc, in the order in which it is tried (`Definition.arcs_from` gives them so)."""

    source: str
    target: str
    condition: Code | None = None
    transforms: tuple[Code, ...] = ()
    is_else: bool = False
    priority: int = 0
    description: str = ""
    mark: Mark = Mark()

    @property
    def name(self) -> str:
        """How failures and counts call it."""
        return f"{self.source}->{self.target}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole machine; sub-networks are inlined already (when they are supported)."""

    name: str
    version: str
    digest: str
    start: str
    states: Mapping[str, State]
    arcs: tuple[Arc, ...]
    trusted: bool
    max_transitions: int = 1000
    params: Mapping[str, Any] = field(default_factory=dict)
    tests: tuple[Mapping[str, Any], ...] = ()
    description: str = ""
    mark: Mark = Mark()

    def arcs_from(self, state: str) -> tuple[Arc, ...]:
        """The arcs out of a state in the order of trying: priority (higher first), document order, else last."""
        out = [a for a in self.arcs if a.source == state]
        return tuple(sorted(out, key=lambda a: (a.is_else, -a.priority)))
