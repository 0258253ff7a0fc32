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

    formula: one expression over `data state params`, defines, lets and helpers; `tree` is the parsed expression, dot rule NOT
    yet applied. A template is one too: maps, lists, `?` entries and `=for` items are lowered to one expression.
    inline: a lambda or `def` of (state) or (data, context); `tree` is the ast of the Lambda or FunctionDef.
    callable: a Python callable of the host (`ref`, or a function object in a dict document); `tree` is None, and `function` too
    where nobody gave one (finding 111).
    `lets` are the names of the state's `let` that a formula reads, in the order of their lines.
    """

    kind: Literal["formula", "inline", "callable"]
    source: str
    tree: ast.AST | None = None
    function: Callable[..., Any] | None = None
    mark: Mark = Mark()
    lets: tuple[str, ...] = ()
    host: Host | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """How a function of the host is called. `batch`: with a list, once per wave; `timeout` in seconds, per attempt.

    `args` is what it gets instead of the record, `into` the path where its answer goes instead of becoming the record.
    """

    name: str
    batch: bool = False
    timeout: float | None = None
    args: Code | None = None
    into: tuple[str, ...] = ()
    pure: bool = False
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """A declarative validate: present and not null; JSON Schema's type names; number ranges, ends included, None open."""

    required: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assign:
    """One line of `set`: where (the names on the way down) and what. `guard`: the line is skipped where it is not true (`?`)."""

    path: tuple[str, ...]
    template: Code
    text: str
    mark: Mark = Mark()
    guard: Code | None = None


@dataclass(frozen=True, slots=True)
class Define:
    """A name for formulas: a constant (`parameters` is None), or a pure function. It sees params, helpers and other defines."""

    name: str
    parameters: tuple[str, ...] | None
    body: Code
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Let:
    """A name for the formulas of one state, of its outgoing arcs, and of its own key, headers, timestamp and message."""

    name: str
    template: Code
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Require:
    """What must be true; `message` None: the condition's source is the message."""

    condition: Code
    message: Code | None = None
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Rename:
    """One line of `rename`; `text` is its left side as written."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    text: str
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Remove:
    """One item of `remove`; `text` is it as written."""

    path: tuple[str, ...]
    text: str
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Retry:
    """When a function of the host is called again. `errors` empty: after every Exception. Times in seconds."""

    errors: tuple[str, ...] = ()
    attempts: int = 3
    delay: float = 0.1
    backoff: float = 2.0
    max_delay: float = 30.0
    jitter: Literal["full", "none"] = "full"


@dataclass(frozen=True, slots=True)
class Catch:
    """Where a record goes when what a state does on entry fails. `errors` empty: every Exception. `on_error` is the last one."""

    errors: tuple[str, ...]
    to: str
    mark: Mark = Mark()


Outcome = Literal["output", "error", "drop"]


@dataclass(frozen=True, slots=True)
class State:
    """A state. An end state has an outcome; route, reason, key, headers, timestamp and tombstone belong to ends only.

    On entry: validates, lets, requires, transforms, record, renames, assigns (`set`), removes, keep, fan_out. `name` is
    `network/state` outside of the main network. `returns`: an end of a pushed network that goes back to its caller.
    `fan_out` True: the transform gives the list.
    """

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
    key: Code | None = None
    headers: tuple[tuple[str, Code], ...] = ()
    timestamp: Code | None = None
    tombstone: bool = False
    description: str = ""
    mark: Mark = Mark()
    network: str = ""
    returns: bool = False
    lets: tuple[Let, ...] = ()
    requires: tuple[Require, ...] = ()
    record: Code | None = None
    renames: tuple[Rename, ...] = ()
    removes: tuple[Remove, ...] = ()
    keep: tuple[str, ...] | None = None
    fan_out: Code | Literal[True] | None = None
    retry: Retry | None = None
    catches: tuple[Catch, ...] = ()
    message: Code | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Where an arc leads: to a state, or through a pushed network (by its name) whose returning ends come back to that state."""

    target: str
    push: str | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """One arc for many: the text that `on` gives chooses a case; anything else takes `default`, None: the next arc is tried."""

    on: Code
    cases: Mapping[str, Way]
    default: Way | None = None


@dataclass(frozen=True, slots=True)
class Arc:
    """An arc, in the order in which it is tried (`Definition.arcs_from` gives them so).

    Order on it: condition or switch, message, transforms, push or target. `target` is empty where a switch has no `to`;
    of a switch, `message` belongs to the default.
    """

    source: str
    target: str
    condition: Code | None = None
    transforms: tuple[Code, ...] = ()
    is_else: bool = False
    priority: int = 0
    description: str = ""
    mark: Mark = Mark()
    push: str | None = None
    message: Code | None = None
    switch: Switch | None = None

    @property
    def name(self) -> str:
        """How failures and counts call it."""
        return f"{self.source}->{self.target or 'switch'}"

    @property
    def ways(self) -> tuple[Way, ...]:
        """Everywhere it may lead, in the order of the document."""
        if self.switch is None:
            return (Way(self.target, self.push),)
        last = () if self.switch.default is None else (self.switch.default,)
        return (*self.switch.cases.values(), *last)


@dataclass(frozen=True, slots=True)
class Network:
    """A network: the main one, or one that arcs push. Its states carry its name."""

    name: str
    start: str
    description: str = ""
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole machine. `states` holds those of every network, by their full names; pushes do not recurse.

    `defines` stand so that each comes after those that it reads. `exact_numbers`: integers over 64 bits are read as they are.
    """

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
    networks: Mapping[str, Network] = field(default_factory=dict)
    defines: tuple[Define, ...] = ()
    input_schema: Mapping[str, Any] | None = None
    exact_numbers: bool = False
    _leaving: Mapping[str, tuple[Arc, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        leaving: dict[str, list[Arc]] = {}
        for arc in sorted(self.arcs, key=lambda a: (a.is_else, -a.priority)):
            leaving.setdefault(arc.source, []).append(arc)
        object.__setattr__(self, "_leaving", {name: tuple(arcs) for name, arcs in leaving.items()})  # frozen for everybody else

    def arcs_from(self, state: str) -> tuple[Arc, ...]:
        """The arcs out of a state in the order of trying: priority (higher first), document order, else last."""
        return self._leaving.get(state, ())
