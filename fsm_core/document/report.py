"""Where the parsers put what they find: findings, each with its place."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from fsm_core.definition import Code, Finding, Severity
from fsm_core.document.composing import step
from fsm_core.document.reading import Document
from fsm_core.expressions import NotCode, judge
from fsm_core.expressions.hints import syntax_hint

_RESERVED = frozenset("keyed wait on after context emit include migrations".split())
_MEANT = {"when": ("condition",), "if": ("condition",), "guard": ("condition",), "goto": ("to",), "next": ("to",), "start": ("is_start",), "initial": ("is_start",),
          "end": ("is_end",), "final": ("is_end",), "input": ("given",), "output": ("expect", "outcome"), "delete": ("remove",), "drop": ("remove",), "topic": ("route",), "outcome": ("state",), "data": ("value",),
          "transitions": ("arcs",), "constants": ("define",), "variables": ("let",), "vars": ("let",), "validate": ("require",), "assert": ("require",)}
"""What other systems call our keys, where no letter tells."""
_FEW = 10
"""So many keys may be named in a hint; more belong into the reference."""


class Report:
    """The findings of one document, and what its parsers need to know everywhere."""

    def __init__(self, document: Document, functions: Mapping[str, Callable[..., Any]] | None) -> None:
        self.document = document
        self.trusted = document.trusted
        self.functions = functions
        self.params: dict[str, Any] = {}
        self.lets: tuple[str, ...] = ()
        self.constants: set[str] = set()
        self.arities: dict[str, int] = {}
        self.patterns: dict[str, str] = {}
        self.names: tuple[str, ...] | None = None
        self.loops: tuple[str, ...] = ()
        self.prefix = ""
        self.lets_of: dict[str, tuple[str, ...]] = {}
        self.table: dict[str, str] = {}
        self.findings: list[Finding] = list(document.findings)

    def say(self, code: int, message: str, pointer: str, hint: str = "", severity: Severity = "error") -> None:
        """Take a finding down."""
        self.findings.append(Finding(code, severity, message, self.document.mark(pointer), hint))

    def not_code(self, error: NotCode, text: str, pointer: str) -> None:
        """Take down that a text is no code."""
        said = f"not Python: {error.msg.removesuffix(' (detected at line 1)')}"
        self.findings.append(Finding(106, "error", said, error.mark or self.document.mark(pointer), syntax_hint(text, error)))

    def judge(self, code: Code) -> Code:
        """Take down what is wrong with a piece of code, and give it back."""
        bound = frozenset(self.constants) | frozenset(self.lets if self.names is None else self.names)
        self.findings += judge(code, trusted=self.trusted, params=self.params, bound=bound, arities=self.arities,
                               patterns=self.patterns, reads_record=self.names is None, lets=frozenset(self.lets if self.names is None else ()))
        if code.kind != "formula" or not self.lets or code.tree is None or self.names is not None:
            return code
        used = {n.id for n in ast.walk(code.tree) if isinstance(n, ast.Name)}
        return replace(code, lets=tuple(name for name in self.lets if name in used))

    @contextmanager
    def inside_define(self, names: tuple[str, ...]) -> Iterator[None]:
        """Formulas in here see these names and no record."""
        self.names = names
        try:
            yield
        finally:
            self.names = None

    def object(self, value: Any, pointer: str, what: str) -> dict[str, Any]:
        """The value if it is an object, else a finding and an empty one."""
        if isinstance(value, dict):
            return value
        self.say(100, f"{what} must be an object, not {type(value).__name__}", pointer)
        return {}

    def list(self, value: Any, pointer: str, what: str) -> list[Any]:
        """The value if it is a list, else a finding and an empty one; null is empty."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.say(100, f"{what} must be a list, not {type(value).__name__}", pointer)
        return []

    def keys(self, node: Mapping[Any, Any], pointer: str, allowed: Iterable[str], later: Iterable[str] = ()) -> None:
        """Refuse keys that are unknown (100, did you mean) or known but not built (190)."""
        allowed, later = tuple(allowed), tuple(later)
        for key in node:
            if key in allowed or (isinstance(key, str) and key.startswith("x-")):
                continue
            if key in _RESERVED:
                self.say(190, f"`{key}` is reserved for later", step(pointer, key))
                continue
            if key in later:
                self.say(190, f"`{key}` is not supported yet", step(pointer, key))
                continue
            meant = [one for one in _MEANT.get(str(key), ()) if one in allowed]
            near = meant or difflib.get_close_matches(str(key), [*allowed, *later], 1)
            few = f"one of {', '.join(allowed)}" if len(allowed) <= _FEW and not later else ""
            hint = f"did you mean `{near[0]}`?" if near else few
            if isinstance(key, str) and not key.replace("_", "").isalnum():
                hint = "in { } a comma ends the value: put quotes around the whole of it"
            self.say(100, f"unknown key `{key}`", step(pointer, key), hint)

    def text(self, node: Mapping[str, Any], key: str, pointer: str, default: str = "") -> str:
        """A text field; numbers are taken as text only for `version`."""
        value = node.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        if key == "version" and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.say(100, f"`{key}` must be text", step(pointer, key), "quote it")
        return default

    def flag(self, node: Mapping[str, Any], key: str, pointer: str) -> bool:
        """A true/false field, false when absent."""
        value = node.get(key, False)
        if isinstance(value, bool):
            return value
        self.say(100, f"`{key}` must be true or false", step(pointer, key))
        return False
