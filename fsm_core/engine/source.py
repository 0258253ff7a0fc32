"""The text of a generated function: lines, indentation, and the objects that it names."""

from __future__ import annotations

import hashlib
import linecache
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from fsm_core.engine.record import Record

MOST_LINES = 4000


class TooLarge(Exception):
    """The machine has more paths than are worth one function."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What is known at one point of the generated code. `lent`: `_st` stands for this record already."""

    depth: int
    path: tuple[str, ...] = ()
    arcs: tuple[tuple[str, str], ...] = ()
    record: Record = field(default_factory=Record)
    lent: bool = False

    def deeper(self) -> Flow:
        """One level of indentation further in."""
        return replace(self, depth=self.depth + 1)


@dataclass(slots=True)
class Source:
    """A function being written."""

    names: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    _serial: int = 0

    def line(self, flow: Flow, text: str) -> None:
        """Write one line at the flow's depth."""
        if len(self.lines) > MOST_LINES or flow.depth > 60:
            raise TooLarge
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
        """Compile what was written; tracebacks show its lines."""
        text = "\n".join(self.lines) + "\n"
        file = f"<machine {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # they are the author's, and check tells them
            exec(compile(text, file, "exec"), self.names)  # written by the code generator from checked trees
        made: Callable[..., Any] = self.names[function]
        return made, text
