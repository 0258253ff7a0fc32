"""Which calls the allow-list lets through: builtins and helpers by name, methods from a closed list, literal widths."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from fsm_core.definition import Severity
from fsm_core.expressions.backtracking import explodes
from fsm_core.expressions.hints import method_hint
from fsm_core.expressions.library import LITERALS, SIGNATURES
from fsm_core.expressions.names import BUILTINS, HELPERS, LAZY_HELPERS, METHODS, MUTATORS, PADDERS, is_dunder
from fsm_core.expressions.patterns import pattern_error

_WIDEST = 1000
_ARITIES = {
    **dict.fromkeys(["enumerate", "sum", "round"], (1, 2)), **dict.fromkeys(["abs", "all", "any", "len", "reversed"], (1, 1)),
    **dict.fromkeys(["divmod", "isinstance"], (2, 2)), "sorted": (1, 3), "range": (1, 3), "min": (1, 100), "max": (1, 100),
    **dict.fromkeys(["bool", "float", "list", "tuple", "set"], (0, 1)), "int": (0, 2), "str": (0, 3),
}
"""How many arguments a builtin takes, where Python would only say so when a record comes."""
_ORDERING = ("sorted", "min", "max", ".sort")
"""What takes a function as `key=`."""


class CallRules(ast.NodeVisitor):
    """The half of the allow-list that is about calls."""

    formula: bool
    trusted: bool
    names: set[str]
    arities: Mapping[str, int]
    patterns: Mapping[str, str]

    def say(self, code: int, message: str, hint: str = "", severity: Severity = "error") -> None:
        """Take a finding down."""
        raise NotImplementedError

    def unknown(self, name: str) -> None:
        """Take down that a name is not known."""
        raise NotImplementedError

    def is_path(self, node: ast.expr) -> bool:
        """Whether an argument is a path, for `has`."""
        raise NotImplementedError

    def is_function(self, name: str) -> bool:
        """Whether a name is something to call: a builtin, a helper, a function of define."""
        return name not in self.names and (name in BUILTINS | HELPERS or name in self.arities)

    def inner_lambda(self, node: ast.Lambda) -> None:
        """Judge a lambda that stands where one may stand."""
        raise NotImplementedError

    def visit_Call(self, node: ast.Call) -> None:
        """Judge what is called, then the arguments."""
        match node.func:
            case ast.Name(id=name):
                self._named(name, node)
            case ast.Attribute(value=value, attr=method):
                self._method(method, value, node)
            case other:
                self.say(410, "only names and methods are called")
                self.visit(other)
        self._arguments(node)

    def _named(self, name: str, node: ast.Call) -> None:
        if is_dunder(name):
            self.say(410, f"the name '{name}' is not allowed")
        elif name in self.names:
            self.say(410, f"'{name}' is a value and not called")
        elif self.formula and name in self.arities:
            if node.keywords or len(node.args) != self.arities[name]:
                self.say(112, f"{name}() takes {self.arities[name]} arguments without names")
        elif name not in BUILTINS | HELPERS:
            self.unknown(name)
        elif name == "round" and not all(_literal(a) for a in [*node.args[1:], *(k.value for k in node.keywords)]):
            self.say(410, "the digits of round() are a literal")
        elif name in HELPERS:
            self._helper(name, node)
        elif name in _ARITIES and not _ARITIES[name][0] <= len(node.args) + len(node.keywords) <= _ARITIES[name][1]:
            least, most = _ARITIES[name]
            self.say(112, f"{name}() takes {least} arguments" if least == most else f"{name}() takes {least} to {most} arguments")

    def _helper(self, name: str, node: ast.Call) -> None:
        if name not in LAZY_HELPERS:
            return self._bound(name, node)
        if not self.formula:
            self.say(410, f"{name}() belongs to formulas", "in inline code write .get() or a conditional expression")
        elif node.keywords or not node.args:
            self.say(112, f"{name}() takes arguments without names")
        elif name == "case" and (len(node.args) % 2 == 0 or len(node.args) < 3):
            self.say(112, "case() ends with a default")
        elif name == "has" and not (len(node.args) == 1 and self.is_path(node.args[0])):
            self.say(112, "has() takes a path such as data.mail")
        return None

    def _bound(self, name: str, node: ast.Call) -> None:
        try:
            bound = SIGNATURES[name].bind(*node.args, **{k.arg or "**": k.value for k in node.keywords})
        except TypeError as error:
            return self.say(112, f"{name}(): {error}")
        for parameter in LITERALS.get(name, ()):
            value = bound.arguments.get(parameter)
            if parameter == "pattern" and isinstance(value, ast.Name) and value.id in self.patterns:
                self._pattern(self.patterns[value.id])
            elif value is not None and not _literal(value) and not _literal_text(value):
                self.say(112, f"`{parameter}` of {name}() is a literal")
            elif parameter == "pattern" and isinstance(value, ast.Constant):
                self._pattern(str(value.value))
        return None

    def _pattern(self, pattern: str) -> None:
        if error := pattern_error(pattern):
            self.say(112, f"not a regular expression: {error}")
        elif not self.trusted and explodes(pattern):
            self.say(410, "a repeat inside a repeat, or one whose turns match in several ways",
                     "a turn begins and ends with a character that tells it apart")

    def _method(self, method: str, value: ast.expr, node: ast.Call) -> None:
        if is_dunder(method) or method not in METHODS:
            self.say(410, f"the method '{method}' is not allowed", method_hint(method, METHODS - MUTATORS))
        elif method in MUTATORS:
            self.say(331, f".{method}() changes a value in place", "build a new one", "error" if self.formula else "warning")
        elif method in PADDERS and not (node.args and _literal(node.args[0])):
            self.say(410, f"the width of .{method}() is a literal of at most {_WIDEST}")
        match value:
            case ast.Name(id="state" | "params" as name) if name in self.names:
                self.say(410, f"'{name}' has no method '{method}'")
            case ast.Name(id=name) if self.is_function(name):
                self.say(110, f"a dot on the function '{name}'")
            case _:
                self.visit(value)

    def _arguments(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else ""
        for position, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred):
                self.say(410, "no * in a call", "give a list")
            elif not (name == "isinstance" and position == 1 and _types(argument)):
                self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg is None and name != "dict":
                self.say(410, "no ** in a call")
            elif keyword.arg == "key" and name in _ORDERING:
                self._key(keyword.value)
            else:
                self.visit(keyword.value)

    def _key(self, value: ast.expr) -> None:
        """What to order by: a lambda, which may stand nowhere else, or one of a few builtins."""
        if isinstance(value, ast.Lambda):
            self.inner_lambda(value)
        elif not (isinstance(value, ast.Name) and _sortable(value.id)):
            self.say(410, "`key=` is a lambda, or a builtin such as len")
            self.visit(value)


def _sortable(name: str) -> bool:
    return name in ("abs", "bool", "float", "int", "len", "max", "min", "str", "sum")


def _types(node: ast.expr) -> bool:
    names = node.elts if isinstance(node, ast.Tuple) else [node]
    return all(isinstance(n, ast.Name) and n.id in ("bool", "dict", "float", "int", "list", "str", "tuple", "set")
               for n in names)


def _literal(node: ast.expr) -> bool:
    value = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(value, ast.Constant) and (value.value is None or (type(value.value) is int and value.value <= _WIDEST))


def _literal_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
