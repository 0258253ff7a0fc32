"""A piece of logic as a Python function of one `State`, however its author wrote it."""

from __future__ import annotations

import ast
import inspect
import linecache
import warnings
from collections.abc import Callable
from typing import Any

from fsm_core.definition import Code, Constant, Definition, MapTemplate, Template
from fsm_core.engine.language import names_of, prepared_tree
from fsm_core.engine.state import State

StateFunction = Callable[[State], Any]


class Functions:
    """The functions of one machine, each made once."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.names = names_of(definition)
        self._made: dict[int, tuple[Code, StateFunction]] = {}

    def of(self, code: Code) -> StateFunction:
        """The function of a piece of logic."""
        known = self._made.get(id(code))
        if known is None:
            known = self._made[id(code)] = (code, self._make(code))
        return known[1]

    def template(self, template: Template) -> StateFunction:
        """A function that builds what a template says; constants are made anew each time."""
        if isinstance(template, Code):
            return self.of(template)
        if isinstance(template, Constant):
            return _constant(template.value)
        if isinstance(template, MapTemplate):
            fields = [(name, self.template(item)) for name, item in template.items]
            return lambda state: {name: make(state) for name, make in fields}
        items = [self.template(item) for item in template.items]
        return lambda state: [make(state) for make in items]

    def _make(self, code: Code) -> StateFunction:
        if code.kind == "callable":
            assert code.function is not None, f"{code.source}: a callable without a function"
            return _host_function(code.function)
        tree = prepared_tree(code, self.definition)
        if code.kind == "formula":
            formula = evaluate(_formula_lambda(tree), code.source, self.names)
            return lambda state: formula(state, state.data)
        return _by_parameters(evaluate(tree, code.source, self.names))


def evaluate(tree: ast.AST, source: str, names: dict[str, Any]) -> Any:
    """`_evaluate` without the warnings of the author's code, which check tells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return _evaluate(tree, source, names)


def _evaluate(tree: ast.AST, source: str, names: dict[str, Any]) -> Any:
    """Run a lambda or a `def` in a namespace of its own and return the function. The source is kept for tracebacks."""
    file = f"<machine {abs(hash(source)):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope = dict(names)
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        module = ast.fix_missing_locations(ast.Module(body=[tree], type_ignores=[]))
        exec(compile(module, file, "exec"), scope)  # noqa: S102  # the tree was checked by fsm_core.expressions
        return scope[tree.name]
    assert isinstance(tree, ast.expr)
    expression = ast.fix_missing_locations(ast.Expression(tree))
    return eval(compile(expression, file, "eval"), scope)  # the tree was checked by fsm_core.expressions


def _formula_lambda(tree: ast.AST) -> ast.Lambda:
    assert isinstance(tree, ast.expr)
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg("state"), ast.arg("data")], kwonlyargs=[], kw_defaults=[],
                              defaults=[])
    return ast.Lambda(arguments, tree)


def _by_parameters(function: Callable[..., Any]) -> StateFunction:
    """One parameter is the state, two are data and context."""
    if _positional(function) == 2:
        return lambda state: function(state.data, state.context)
    return function


def _host_function(function: Callable[..., Any]) -> StateFunction:
    """A function of the host gets the record, unless its one parameter is called `state` or it has two."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    if names == ["state"]:
        return function
    if _positional(function) == 2:
        return lambda state: function(state.data, state.context)
    return lambda state: function(state.data)


def _positional(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _constant(value: Any) -> StateFunction:
    if isinstance(value, dict):
        fields = {name: _constant(item) for name, item in value.items()}
        return lambda state: {name: make(state) for name, make in fields.items()}
    if isinstance(value, list):
        items = [_constant(item) for item in value]
        return lambda state: [make(state) for make in items]
    return lambda state: value
