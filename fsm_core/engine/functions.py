"""A piece of logic as a Python function of one `State`, however its author wrote it."""

from __future__ import annotations

import ast
import inspect
import linecache
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from fsm_core.definition import Code, Define, Definition, Finding, Retry
from fsm_core.engine.language import names_of, prepared_tree
from fsm_core.engine.state import State
from fsm_core.errors import DocumentError

StateFunction = Callable[[State], Any]


class Functions:
    """The functions of one machine, each made once."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.names = names_of(definition)
        self._made: dict[int, tuple[Code, StateFunction]] = {}
        for define in definition.defines:
            if define.name not in self.names:
                self.names[define.name] = self._defined(define)

    def of(self, code: Code) -> StateFunction:
        """The function of a piece of logic."""
        known = self._made.get(id(code))
        if known is None:
            known = self._made[id(code)] = (code, self._make(code))
        return known[1]

    def _defined(self, define: Define) -> Any:
        """A function of its parameters, or the value of a constant; `DocumentError` where that raises."""
        tree = prepared_tree(define.body, self.definition)
        assert isinstance(tree, ast.expr)
        parameters = [ast.arg(name) for name in define.parameters or ()]
        made = evaluate(ast.Lambda(ast.arguments([], parameters, None, [], [], None, []), tree), define.body.source, self.names)
        if define.parameters is not None:
            return made
        try:
            return made()
        except Exception as error:
            said = f"the define '{define.name}' raises {type(error).__name__}: {error}"
            raise DocumentError([Finding(112, "error", said, define.mark, "a constant is computed when the machine is loaded")]) from error

    def _make(self, code: Code) -> StateFunction:
        if code.kind == "callable":
            if code.function is None:
                return _absent(code.source)
            if code.host is not None and code.host.args is not None:
                function, args = code.function, self.of(code.host.args)
                return lambda state: function(args(state))
            return _host_function(code.function)
        tree = prepared_tree(code, self.definition)
        if code.kind == "formula":
            formula = evaluate(_formula_lambda(tree, code.lets), code.source, self.names)
            if code.lets:
                return lambda state: formula(state, state.data, *[state.lets[name] for name in code.lets])
            return lambda state: formula(state, state.data)
        return _by_parameters(evaluate(tree, code.source, self.names))


def _absent(name: str) -> StateFunction:
    """What stands for a function that nobody gave: a document may be looked at without it."""
    def absent(state: State) -> Any:
        raise AssertionError(f"{name}: a callable without a function")
    return absent


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


def waits(code: Code, retry: Retry | None = None) -> bool:
    """Whether the host calls it while the record waits: async, with a list, with a timeout, or again after an error."""
    host = code.host
    if isinstance(code.tree, ast.AsyncFunctionDef) or is_async(code.function):
        return True
    return host is not None and (host.batch or host.timeout is not None or retry is not None)


def is_async(function: Callable[..., Any] | None) -> bool:
    """Whether what it returns is to be awaited; objects that are called may be async too."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004  # it is asked what it is


def _formula_lambda(tree: ast.AST, lets: Sequence[str] = ()) -> ast.Lambda:
    assert isinstance(tree, ast.expr)
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg(name) for name in ("state", "data", *lets)], kwonlyargs=[],
                              kw_defaults=[], defaults=[])
    return ast.Lambda(arguments, tree)


def _by_parameters(function: Callable[..., Any]) -> StateFunction:
    """One parameter is the state, two are data and context."""
    if _positional(function) == 2:
        return _alike(function, lambda state: function(state.data, state.context))
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
        return _alike(function, lambda state: function(state.data, state.context))
    return _alike(function, lambda state: function(state.data))


def _alike(function: Callable[..., Any], call: StateFunction) -> StateFunction:
    """The call, async where the function is: the host awaits it then, and gives it no thread."""
    if not is_async(function):
        return call

    async def awaited(state: State) -> Any:
        return await call(state)
    return awaited


def _positional(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
