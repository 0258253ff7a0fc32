"""What code sees when it runs: the builtins its trust allows, helpers, guards, params."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from typing import Any, cast

from fsm_core.definition import Code, Definition
from fsm_core.expressions.guarding import insert_guards
from fsm_core.expressions.guards import GUARDS
from fsm_core.expressions.library import FUNCTIONS, LAZY
from fsm_core.expressions.names import BUILTINS
from fsm_core.expressions.rewrite import rewrite_formula


def namespace(definition: Definition) -> dict[str, Any]:
    """Fresh globals for the definition's code, without `data` and `state`, which are parameters of the compiled code."""
    return make_namespace(trusted=definition.trusted, params=definition.params)


def make_namespace(*, trusted: bool, params: Mapping[str, Any]) -> dict[str, Any]:
    """The globals of code of that trust. Safe code has the closed list of builtins and nothing else."""
    allowed = vars(builtins) if trusted else {name: getattr(builtins, name) for name in BUILTINS}
    return {"__builtins__": dict(allowed), **FUNCTIONS, **LAZY, **GUARDS, "params": dict(params)}


def executable(code: Code, *, trusted: bool) -> ast.AST:
    """The tree to run or to compile: dot rule applied to a formula, guards inserted unless trusted. Not for callables."""
    if code.tree is None:
        raise ValueError("a callable of the host has no tree")
    tree = rewrite_formula(code.tree) if code.kind == "formula" else code.tree
    return tree if trusted else insert_guards(tree)


def build(code: Code, scope: dict[str, Any], *, trusted: bool) -> Callable[..., Any]:
    """The code as a Python function.

    A formula becomes `f(data, state, params)`; inline code keeps its own parameters; a callable is itself.
    """
    if code.function is not None:
        return code.function
    tree = executable(code, trusted=trusted)
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        local = dict(scope)
        exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<machine>", "exec"), local)
        return cast(Callable[..., Any], local[tree.name])
    if code.kind == "formula":
        names = [ast.arg(n) for n in ("data", "state", "params")]
        tree = ast.Lambda(ast.arguments([], names, None, [], [], None, []), cast(ast.expr, tree))
    whole = ast.fix_missing_locations(ast.Expression(cast(ast.expr, tree)))
    return cast(Callable[..., Any], eval(compile(whole, "<machine>", "eval"), scope))
