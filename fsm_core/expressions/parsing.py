"""Text to `Code`: a lambda or a `def` is inline code, anything else is a formula."""

from __future__ import annotations

import ast
import textwrap
import warnings

from fsm_core.definition import Code, Mark

LONGEST = 20_000
DEEPEST = 100
_MOST_BITS = 4096
NOWHERE = Mark()


def parse_code(text: str, mark: Mark = NOWHERE) -> Code:
    """The parsed text, not yet checked; raises SyntaxError where it is no expression and no single `def`."""
    if len(text) > LONGEST:
        raise SyntaxError(f"code is longer than {LONGEST} characters")
    source = textwrap.dedent(text).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parse(source, text, mark)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "nested too deeply") from None


def _parse(source: str, text: str, mark: Mark) -> Code:
    if source.startswith(("def ", "async def ", "@")):
        body = ast.parse(source).body
        if len(body) == 1 and isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
            return Code("inline", text, body[0], mark=mark)
        raise SyntaxError("code must be one expression or one def")
    tree = _expression(source)
    refuse_deep(tree)
    return Code("inline" if isinstance(tree, ast.Lambda) else "formula", text, tree, mark=mark)


def refuse_deep(tree: ast.AST) -> None:
    """SyntaxError where expressions stand more than 100 deep in each other, or an integer has over 4,096 bits.

    Whatever walks trees may then recurse. `case` becomes one condition inside another.
    """
    todo = [(tree, 0)]
    while todo:
        node, depth = todo.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "case":
            depth += len(node.args) // 2
        if depth > DEEPEST:
            raise SyntaxError(f"nested more than {DEEPEST} deep")
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value.bit_length() > _MOST_BITS:
            raise SyntaxError(f"an integer over {_MOST_BITS} bits")
        todo += [(child, depth + isinstance(child, ast.expr)) for child in ast.iter_child_nodes(node)]


def _expression(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except SyntaxError:
        if "\n" not in source:
            raise
    # Brackets let an expression go over several lines, as texts in YAML do. Both kinds must do: `1) + (2` fits only one.
    listed = ast.parse(f"[{source}\n]", mode="eval").body
    if not (isinstance(listed, ast.List) and len(listed.elts) == 1):
        raise SyntaxError("code must be one expression")
    return ast.parse(f"({source}\n)", mode="eval").body
