"""What the conditions of a state's arcs say together: nothing left over, nothing in vain."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile

from fsm_core.checks.narrowing import NEGATED
from fsm_core.checks.ranges import range_findings
from fsm_core.definition import Arc, Code, Definition, Finding
from fsm_core.expressions import rewrite_formula


def guard_findings(definition: Definition, left_over: Collection[str] | None = None) -> Iterator[Finding]:
    """Findings 210 to 215, state by state. `left_over`: the states whose arcs are known to leave records over."""
    by_source: dict[str, list[Arc]] = {}
    for arc in definition.arcs:
        by_source.setdefault(arc.source, []).append(arc)
    for state in definition.states.values():
        arcs = sorted(by_source.get(state.name, ()), key=lambda a: (a.is_else, -a.priority))
        if not state.is_end and arcs:
            yield from _of_state(state.name, arcs, left_over is None or state.name in left_over)


def _of_state(name: str, arcs: Sequence[Arc], leaves: bool) -> Iterator[Finding]:
    seen: dict[str, Arc] = {}
    covered = False
    for arc in arcs:
        if covered:
            yield Finding(211, "warning", f"the arc {arc.name} is never tried: one before it is always taken", arc.mark)
            continue
        if arc.switch is not None:
            covered = arc.switch.default is not None
            continue
        guard = _plain(arc.condition)
        covered = arc.condition is None or _constant(guard) is True
        if guard is None:
            continue
        text = ast.dump(guard)
        if (value := _constant(guard)) is not None:
            yield Finding(212, "warning", f"the condition of {arc.name} is always {str(value).lower()}", arc.mark)
        elif text in seen:
            yield Finding(213, "warning", f"the condition of {arc.name} is that of {seen[text].name} again", arc.mark)
        elif _negated(guard) in seen:
            covered = True
            yield Finding(214, "info", f"the condition of {arc.name} negates an earlier one: it is compiled as else", arc.mark)
        elif ast.dump(_opposite(guard)) in seen:
            covered = True  # by the rules of De Morgan
        seen[text] = arc
    if not covered and leaves:
        yield Finding(210, "warning", f"every arc out of '{name}' has a condition and none is `else`", arcs[-1].mark,
                      "a record that meets none fails with no_arc: add an arc with `else: true`")
    tried = list(takewhile(lambda a: a.condition is not None or a.switch is not None, arcs))
    yield from range_findings(name, [(a, _plain(a.condition)) for a in tried], not covered and leaves)


def _plain(code: Code | None) -> ast.expr | None:
    """The condition as an expression over `data`, whichever way it was written; None where it cannot be compared."""
    if code is None or code.tree is None:
        return None
    if code.kind == "formula":
        return rewrite_formula(code.tree)
    if isinstance(code.tree, ast.Lambda) and len(code.tree.args.args) == 1:
        return code.tree.body
    return None


def _constant(guard: ast.expr | None) -> bool | None:
    try:
        return bool(ast.literal_eval(guard)) if guard is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _opposite(guard: ast.expr) -> ast.expr:
    """The condition that holds where this one does not, without a `not` around the whole."""
    match guard:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.BoolOp(op=op, values=values):
            return ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), [_opposite(v) for v in values])
        case ast.Compare(left=left, ops=[op], comparators=rights) if type(op) in NEGATED:
            return ast.Compare(left, [NEGATED[type(op)]()], rights)
    return ast.UnaryOp(ast.Not(), guard)


def _negated(guard: ast.expr) -> str:
    if isinstance(guard, ast.UnaryOp) and isinstance(guard.op, ast.Not):
        return ast.dump(guard.operand)
    return ast.dump(ast.UnaryOp(ast.Not(), guard))
