"""The allow-list: what formulas, and all code of a safe document, may say. Everything that it does not name is refused."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fsm_core.definition import Code, Finding, Mark, Severity
from fsm_core.expressions.calls import CallRules
from fsm_core.expressions.hints import name_hint
from fsm_core.expressions.names import (
    BUILTINS,
    ERROR_NAMES,
    FORMULA_NAMES,
    HELPERS,
    META_NAMES,
    STATE_NAMES,
    is_dunder,
)
from fsm_core.expressions.placing import mark_of
from fsm_core.expressions.rewrite import path_of

_PLAIN_NODES = (
    ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.arguments, ast.arg, ast.keyword, ast.BinOp,
    ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Subscript, ast.Slice, ast.List, ast.Tuple, ast.Dict, ast.Set,
    ast.Starred, ast.JoinedStr, ast.comprehension,
)
_NO_ARITIES: Mapping[str, int] = MappingProxyType({})
_NO_PATTERNS: Mapping[str, str] = MappingProxyType({})
_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def judge(code: Code, *, trusted: bool, params: Iterable[str] = (), bound: frozenset[str] = frozenset(),
          arities: Mapping[str, int] = _NO_ARITIES, patterns: Mapping[str, str] = _NO_PATTERNS,
          reads_record: bool = True, lets: frozenset[str] = frozenset()) -> list[Finding]:
    """Everything that is wrong with the code: 410 unsafe, 110 unknown name, 112 wrong parameters, 115, 190, 331.

    A formula sees the `bound` names (let, define, a define's parameters) and calls the defines of `arities`; `patterns`
    are the texts that define gives names to. A define does not read the record; `lets` are the bound names that may hold of it.
    """
    tree = code.tree
    if tree is None:
        return []
    if code.kind == "inline":
        if trusted:
            return _host_parameters(tree, code.mark) or _unknown_names(tree, code.mark)
        if findings := _parameters(tree, code.mark):
            return findings
        if not isinstance(tree, ast.Lambda):
            return [Finding(410, "error", "a safe document has no `def`", code.mark, "write a lambda, or trust the file")]
        names = {a.arg for a in tree.args.args}
        return _AllowList(code, names, frozenset(), trusted).run(tree.body)
    known = set(FORMULA_NAMES if reads_record else {"params"}) | bound
    return _AllowList(code, known, frozenset(params), trusted, arities, patterns, bound - lets).run(tree)


def _parameters(tree: ast.AST, mark: Mark) -> list[Finding]:
    if not isinstance(tree, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    a = tree.args
    plain = not (a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or a.defaults)
    if plain and len(a.args) in (1, 2) and not any(is_dunder(p.arg) or p.arg in BUILTINS for p in a.args):
        return []
    return [Finding(112, "error", "inline code takes (state) or (data, context)", mark, "no defaults, no * parameters")]


def _host_parameters(tree: ast.AST, mark: Mark) -> list[Finding]:
    """Trusted code may have further parameters, as long as they have defaults."""
    if not isinstance(tree, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    a = tree.args
    required = len(a.posonlyargs) + len(a.args) - len(a.defaults)
    if required in (1, 2) and None not in a.kw_defaults:
        return []
    return [Finding(112, "error", "inline code takes (state) or (data, context)", mark)]


def _unknown_names(tree: ast.AST, mark: Mark) -> list[Finding]:
    """Names of a trusted lambda that nothing binds; a `def` has statements of its own and is left to Python."""
    if not isinstance(tree, ast.Lambda):
        return []
    bound = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    known = bound | HELPERS | {"params"} | set(dir(builtins))
    loads: dict[str, ast.Name] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in known:
            loads.setdefault(node.id, node)
    return [Finding(110, "error", f"undefined name '{name}'", mark_of(node, mark)) for name, node in loads.items()]


class _AllowList(CallRules):
    """One walk over one piece of code. `names` grows and shrinks with lambdas and loops."""

    def __init__(self, code: Code, names: set[str], params: frozenset[str], trusted: bool,
                 arities: Mapping[str, int] = _NO_ARITIES, patterns: Mapping[str, str] = _NO_PATTERNS, tables: frozenset[str] = frozenset()) -> None:
        self.trusted = trusted
        self.arities, self.patterns = arities, patterns
        self.wide = frozenset(names) - tables - {"params"}
        self.formula = code.kind == "formula"
        self.mark, self.text = code.mark, code.source
        self.names = names
        self.params = params
        self.findings: list[Finding] = []
        self.loops: list[set[str]] = []

    def run(self, tree: ast.AST) -> list[Finding]:
        try:
            self.visit(tree)
        except RecursionError:
            self.say(410, "nested too deeply")
        return list(dict.fromkeys(self.findings))

    def say(self, code: int, message: str, hint: str = "", severity: Severity = "error") -> None:
        self.findings.append(Finding(code, severity, message, self.mark, hint))

    def visit(self, node: ast.AST) -> None:
        """A formula inside of a template has a place of its own."""
        before, self.mark = self.mark, mark_of(node, self.mark)
        super().visit(node)
        self.mark = before

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, _LOOPS):
            self._loop(node)
        elif isinstance(node, _PLAIN_NODES):
            super().generic_visit(node)
        else:
            self.say(331 if isinstance(node, ast.NamedExpr) and self.formula else 410,
                     f"{type(node).__name__} is not allowed here")

    def visit_Constant(self, node: ast.Constant) -> None:  # noqa: N802  # NodeVisitor's name
        if not isinstance(node.value, str | int | float | bool | None):
            self.say(410, f"a constant of type {type(node.value).__name__} is not allowed")

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:  # noqa: N802  # NodeVisitor's name
        if node.format_spec is not None:
            self.say(410, "an f-string with a format spec is not allowed", "use text() or round()")
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802  # NodeVisitor's name
        name = node.id
        if is_dunder(name):
            self.say(410, f"the name '{name}' is not allowed")
        elif self.formula and name == "state":
            self.say(110, "`state` alone is no value", "say state.data, state.meta, …")
        elif name in self.names:
            return
        elif name in BUILTINS | HELPERS or name in self.arities:
            self.say(410, f"'{name}' is a function to call, not a value")
        else:
            self.unknown(name)

    def unknown(self, name: str) -> None:
        if hasattr(builtins, name):
            self.say(410, f"'{name}' is not allowed here")
        else:
            meant = f"write params.{name}" if name in self.params and self.formula else ""
            self.say(110, f"undefined name '{name}'", meant or name_hint(name, {*self.names, *self.arities, *BUILTINS, *HELPERS}, self.text if self.formula else ""))

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802  # NodeVisitor's name
        if is_dunder(node.attr):
            return self.say(410, f"the attribute '{node.attr}' is not allowed")
        match node.value:
            case ast.Name(id="state") if "state" in self.names:
                self._state_name(node.attr)
                return None
            case ast.Name(id="params") if self.formula:
                if node.attr not in self.params:
                    self.say(110, f"the parameter '{node.attr}' is not declared", "add it to `params:`")
                return None
            case ast.Name(id=name) if self.is_function(name):
                return self.say(110, f"a dot on the function '{name}'")
        if not self.formula and not self._known_field(node):
            self.say(410, f"the attribute '{node.attr}' is not allowed", "inline code reads fields as ['name']")
        self.visit(node.value)
        return None

    def _state_name(self, name: str) -> None:
        if name not in STATE_NAMES:
            self.say(110 if self.formula else 410, f"state has no '{name}'", "the record is state.data")

    @staticmethod
    def _known_field(node: ast.Attribute) -> bool:
        match node.value:
            case ast.Attribute(value=ast.Name(id="state"), attr="meta"):
                return node.attr in META_NAMES
            case ast.Attribute(value=ast.Name(id="state"), attr="error"):
                return node.attr in ERROR_NAMES
        return False

    def bind(self, names: set[str]) -> None:
        for name in sorted(names):
            if is_dunder(name):
                self.say(410, f"the name '{name}' is not allowed")
            elif name in BUILTINS | HELPERS | self.names | self.arities.keys():
                self.say(115, f"the name '{name}' hides another")

    def visit_Lambda(self, node: ast.Lambda) -> None:  # noqa: N802  # NodeVisitor's name
        self.say(410, "a lambda inside is the `key=` of sorted, min or max")  # as a value it could be called with itself

    def inner_lambda(self, node: ast.Lambda) -> None:
        """A lambda that is a `key=`."""
        a = node.args
        if a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or a.defaults:
            self.say(410, "a lambda inside has plain parameters only")
        mine = {p.arg for p in a.args}
        self.bind(mine)
        fresh = mine - self.names
        self.names |= fresh
        self.visit(node.body)
        self.names -= fresh

    def _loop(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        first = node.generators[0]
        if len(node.generators) > 1 or first.is_async:
            return self.say(410, "a comprehension has one `for`")
        if self.loops and not self._inner_source(first.iter):
            self.say(112, "the source of an inner loop is its enclosing loop variable and nothing wider")
        self.visit(first.iter)
        mine = {n.id for n in ast.walk(first.target) if isinstance(n, ast.Name)}
        if not isinstance(first.target, ast.Name | ast.Tuple) or len(mine) == 0:
            self.say(410, "a loop variable is a plain name")
        self.bind(mine)
        fresh = mine - self.names
        self.names |= fresh
        self.loops.append(mine)
        for part in [*first.ifs, *((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,))]:
            self.visit(part)
        self.loops.pop()
        self.names -= fresh
        return None

    def _inner_source(self, source: ast.expr) -> bool:
        used = {n.id for n in ast.walk(source) if isinstance(n, ast.Name)}
        return bool(used & self.loops[-1]) and not used & self.wide

    def is_path(self, node: ast.expr) -> bool:
        return path_of(node) is not None
