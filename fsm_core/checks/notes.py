"""What the analysis of a machine's data takes down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from fsm_core.checks.facts import Presence
from fsm_core.checks.writing import written
from fsm_core.definition import Finding, Mark, Severity

INFO = frozenset([214, 303, 310, 312, 322, 420, 900])
_ON_INPUT = frozenset([301, 302, 311, 313, 320, 321, 323])


class Notes:
    """Findings, each once; what rests on an input that no schema describes is info."""

    def __init__(self, schema: bool) -> None:
        self.schema = schema
        self.mark = Mark()
        self.reads: set[str] = set()
        self._found: dict[Finding, None] = {}
        self._answers = False
        self._bare: dict[str, tuple[ast.Subscript, Mark]] = {}
        self._asked: set[str] = set()
        self._decided: dict[int, tuple[ast.AST, Mark, set[bool | None]]] = {}

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a `require` is looked at: that it raises on a null is an answer, and gives its message."""
        self._answers = True
        try:
            yield
        finally:
            self._answers = False

    def nullable(self, message: str, guessed: bool) -> None:
        """A value may be null where that raises."""
        if not self._answers:
            self.say(320, message, "coalesce(it, a default), a `require` before it, or a condition with has()", rests_on_input=guessed)

    def asked(self, path: ast.expr) -> None:
        """A path that the input alone could fill is read by coalesce, has or `.get`: its author reckons with its being absent."""
        self._asked.add(ast.dump(path))

    def decided(self, node: ast.AST, truth: bool | None) -> None:
        """What a comparison always says, None where it depends; it may be met by several ways."""
        self._decided.setdefault(id(node), (node, self.mark, set()))[2].add(truth)

    @property
    def findings(self) -> list[Finding]:
        """All of them, in the order in which they came; last the comparisons that are false on every way."""
        for node, mark, truths in self._decided.values():
            if truths == {False}:
                self._found[Finding(212, "warning", f"`{written(node)}` is never true", mark, "the value never is that: a misspelt text, or another type")] = None
        for path, (node, mark) in self._bare.items():
            if path in self._asked:
                self._found[Finding(302, "info", f"`{written(node)}` is read here as if it were always there, and later as if it may be absent", mark,
                                    "has(), coalesce() or a `require` here, or none there")] = None
        return list(self._found)

    def clear(self) -> None:
        """Forget: what was said on the way to the final facts does not count."""
        self._found.clear()
        self._decided.clear()
        self._bare.clear()
        self._asked.clear()

    def say(self, code: int, message: str, hint: str = "", rests_on_input: bool = False) -> None:
        """Take a finding down at the current mark."""
        severity: Severity = "info" if code in INFO or (code in _ON_INPUT and rests_on_input and not self.schema) else "warning"
        self._found[Finding(code, severity, message, self.mark, hint)] = None

    def read(self, node: ast.Subscript, presence: Presence) -> None:
        """A field is read that may be absent."""
        if presence == "unknown" and (path := ast.dump(node)) not in self._asked:  # asked before: it may have been decided on
            self._bare.setdefault(path, (node, self.mark))
        if presence in ("always", "unknown"):
            return
        what = written(node)
        if presence == "never":
            self.say(301, f"`{what}` is set on no path", "a misspelt name, or a field that was removed or never kept")
        elif presence == "maybe":
            self.say(302, f"`{what}` is not there on every path", "has(), coalesce() or a `require`")
        elif presence == "some":
            self.say(302, f"`{what}` is set on some paths only", "unless the input has it", rests_on_input=True)
        elif presence == "undeclared":
            self.say(301, f"the input schema has no `{what}`")
