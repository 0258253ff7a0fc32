"""Text to `Code`: a lambda or a `def` is inline code, anything else is a formula."""

from __future__ import annotations

import ast
import textwrap
import warnings

from fsm_core.definition import Code, Mark
from fsm_core.expressions.placing import Lines, Place

LONGEST = 20_000
DEEPEST = 100
_MOST_BITS = 4096
NOWHERE = Mark()


class NotCode(SyntaxError):
    """Text that is no code. `mark`: the very place, where that is known."""

    mark: Mark | None = None


def parse_code(text: str, mark: Mark = NOWHERE, place: Place | None = None) -> Code:
    """The parsed text, not yet checked; raises NotCode, a SyntaxError, where it is no expression and no single `def`.

    With `place`, which knows where each character of the text stands in a file, the nodes are marked with their places.
    """
    if len(text) > LONGEST:
        raise NotCode(f"code is longer than {LONGEST} characters")
    source = textwrap.dedent(text).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code, bracket = _parse(source, text, mark)
    except SyntaxError as error:
        raise _located(error, text, source, place) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotCode(str(error) or "nested too deeply") from None
    if place is not None and code.tree is not None:
        Lines(text, source).stamp(code.tree, place, bracket)
    return code


def _located(error: SyntaxError, text: str, source: str, place: Place | None) -> NotCode:
    made = NotCode(error.msg)
    if place is not None and error.lineno is not None:
        column = error.offset - 1 if error.offset else len(source)  # none: something is missing at the end
        made.mark = place(Lines(text, source).offset(error.lineno, column))
    return made


def _parse(source: str, text: str, mark: Mark) -> tuple[Code, int]:
    """The code, and how many characters were put before it to parse it."""
    if source.startswith(("def ", "async def ", "@")):
        body = ast.parse(source).body
        if len(body) == 1 and isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
            return Code("inline", text, body[0], mark=mark), 0
        raise SyntaxError("code must be one expression or one def")
    tree, bracket = _expression(source)
    refuse_deep(tree)
    return Code("inline" if isinstance(tree, ast.Lambda) else "formula", text, tree, mark=mark), bracket


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


def _expression(source: str) -> tuple[ast.expr, int]:
    try:
        return ast.parse(source, mode="eval").body, 0
    except SyntaxError:
        if "\n" not in source:
            raise
    # Brackets let an expression go over several lines, as texts in YAML do. Both kinds must do: `1) + (2` fits only one.
    try:
        listed = ast.parse(f"[{source}\n]", mode="eval").body
    except SyntaxError as error:
        if error.lineno == 1 and error.offset:
            error.offset -= 1
        raise
    if not (isinstance(listed, ast.List) and len(listed.elts) == 1):
        raise SyntaxError("code must be one expression")
    return ast.parse(f"({source}\n)", mode="eval").body, 1
