"""The text of a generated function: lines, indentation, and the objects that it names."""

from __future__ import annotations

import ast
import hashlib
import linecache
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fsm_core.engine.record import Record

DEEPEST = 70
NULL: Final = ast.Constant(None)


class TooLarge(Exception):
    """The machine has more paths than are worth one function."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What is known at one point of the generated code.

    `path` and `arcs`: since the block began. `stack`: where the pushed networks that the record is in come back to.
    `lent`: `_st` stands for this record already; None: it does if it is not None. `trail`: the blocks before this one stand in
    `_walks`, from `_m` on. `child`: inside of a fan-out. `message`, `error`: what `state.message` and `state.error` are, as atoms;
    `meta`: `_m` is the record's meta. `lets`: the names of the state, as atoms.
    """

    depth: int
    path: tuple[str, ...] = ()
    arcs: tuple[tuple[str, str], ...] = ()
    record: Record = field(default_factory=Record)
    lent: bool | None = False
    stack: tuple[str, ...] = ()
    trail: bool = False
    child: bool = False
    message: ast.expr = NULL
    error: ast.expr = NULL
    meta: bool = False
    lets: Mapping[str, ast.expr] = field(default_factory=dict)

    def deeper(self) -> Flow:
        """One level of indentation further in."""
        return replace(self, depth=self.depth + 1)


@dataclass(slots=True)
class Source:
    """A function being written."""

    names: dict[str, Any]
    most: int
    lines: list[str] = field(default_factory=list)
    _serial: int = 0
    _written: int = 0

    def line(self, flow: Flow, text: str) -> None:
        """Write one line at the flow's depth."""
        self._written += 1
        if self._written > self.most:
            raise TooLarge(f"more than {self.most} lines of generated code")
        if flow.depth > DEEPEST:
            raise TooLarge("more branches inside each other than Python takes")
        self.lines.append("    " * flow.depth + text)

    def name(self, stem: str) -> str:
        """A local name that nothing else has."""
        self._serial += 1
        return f"_{stem}{self._serial}"

    def hold(self, stem: str, value: Any) -> str:
        """The name under which the function finds an object."""
        name = self.name(stem)
        self.names[name] = value
        return name

    def build(self, function: str) -> tuple[Callable[..., Any], str]:
        """Compile what was written; tracebacks show its lines. `TooLarge` if more stands inside each other than Python takes: twenty loops, say."""
        text = "\n".join(self.lines) + "\n"
        file = f"<machine {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # they are the author's, and check tells them
            try:
                code = compile(text, file, "exec")
            except SyntaxError as error:
                if not (error.msg or "").startswith("too many"):
                    raise
                raise TooLarge(error.msg) from None
            exec(code, self.names)  # written by the code generator from checked trees
        made: Callable[..., Any] = self.names[function]
        return made, text
