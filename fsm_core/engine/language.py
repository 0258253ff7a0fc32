"""Where the engine meets `fsm_core.expressions`: prepared trees and the names that code sees."""

from __future__ import annotations

import ast
from typing import Any

from fsm_core.definition import Code, Definition
from fsm_core.expressions.namespace import executable, namespace
from fsm_core.expressions.parsing import parse_code


def prepared_tree(code: Code, definition: Definition) -> ast.AST:
    """The tree to run: the dot rule applied to a formula, operators guarded in a safe machine. It is not to be changed."""
    tree = executable(code, trusted=definition.trusted)
    return tree.body if isinstance(tree, ast.Expression) else tree


def names_of(definition: Definition) -> dict[str, Any]:
    """Helpers, `params` and builtins, as code of this machine sees them."""
    return namespace(definition)


def parse_host_formula(source: str) -> Code:
    """A formula of the host, a leading `=` allowed; SyntaxError if it is none."""
    return parse_code(source.strip().removeprefix("="))
