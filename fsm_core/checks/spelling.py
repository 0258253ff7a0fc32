"""Field names that stand once and are one slip of the finger from a name that stands elsewhere."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from fsm_core.checks.logic import place
from fsm_core.checks.steps import Steps
from fsm_core.definition import Arc, Code, Definition, Finding, Mark, Rules, State
from fsm_core.expressions.placing import mark_of


def spelling_findings(definition: Definition, steps: Steps) -> Iterator[Finding]:
    """Findings 301 as info: without a schema a field that nobody else knows may still be in the input."""
    seen: Counter[str] = Counter()
    where: dict[str, Mark] = {}
    for state in definition.states.values():
        for name, mark in _of_state(state, steps):
            seen[name] += 1
            where[name] = mark
    for arc in definition.arcs:
        for name, mark in _of_arc(arc, steps):
            seen[name] += 1
            where[name] = mark
    yield from _routes(definition)
    written = {a.path[0] for state in definition.states.values() for a in state.assigns}  # of two, the one that is only read is the slip
    given = {str(n) for test in definition.tests if isinstance(test.get("given"), dict) for n in test["given"]}
    by_stem = _stems((*seen, *given))
    for name, count in seen.items():
        like = dict.fromkeys(n for stem in _stem(name) for n in by_stem.get(stem, ())) if count == 1 and name not in given else {}
        near = next((n for n in like if n != name and one_slip(name, n)), None)
        if near is not None and (seen[near] > 1 or near in given or (name in written, name) < (near in written, near)):
            yield Finding(301, "info", f"the field '{name}' stands nowhere else", where[name], f"did you mean '{near}'?")


def _stem(name: str) -> list[str]:
    """The name, and it without one of its letters: names that are one slip apart share one of these."""
    return [name, *(name[:i] + name[i + 1:] for i in range(len(name)))]


def _stems(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for stem in _stem(name):
            found[stem].append(name)
    return found


def _routes(definition: Definition) -> Iterator[Finding]:
    """Routes that stand once and are one slip from another, or from the name of their own state."""
    routes = Counter(s.route for s in definition.states.values() if s.route is not None)
    for state in definition.states.values():
        if state.route is not None and routes[state.route] == 1:
            near = next((n for n in (*routes, state.name) if one_slip(state.route, n)), None)
            if near is not None and (routes[near] != 1 or near > state.route):
                yield Finding(301, "info", f"the route '{state.route}' stands nowhere else", state.mark, f"did you mean '{near}'?")


def _of_state(state: State, steps: Steps) -> Iterator[tuple[str, Mark]]:
    for rule in state.validates:
        if isinstance(rule, Rules):
            yield from ((n, state.mark) for n in (*rule.required, *rule.types, *rule.ranges))
    yield from ((a.path[0], a.mark) for a in state.assigns)
    yield from ((r.path[0], r.mark) for r in state.removes)
    yield from ((r.source[0], r.mark) for r in state.renames)
    yield from ((n, state.mark) for n in state.keep or ())
    codes = (*state.validates, *state.transforms, *(a.template for a in state.assigns), *(x.template for x in state.lets), state.key, state.timestamp,
             *(r.condition for r in state.requires), *(t for _, t in state.headers), state.record, state.fan_out)
    for code in codes:
        if code is not None and code is not True and not isinstance(code, Rules):
            yield from _reads(code, steps, state.mark)


def _of_arc(arc: Arc, steps: Steps) -> Iterator[tuple[str, Mark]]:
    for code in (arc.condition, arc.message, None if arc.switch is None else arc.switch.on, *arc.transforms):
        if code is not None:
            yield from _reads(code, steps, arc.mark)


def _reads(code: object, steps: Steps, mark: Mark) -> Iterator[tuple[str, Mark]]:
    tree = steps.tree(code)
    for node in ast.walk(tree) if tree is not None else ():
        found = place(node)
        if found is not None and found[0] == "data" and len(found[1]) == 1 and isinstance(found[1][0], str):
            yield found[1][0], mark_of(node, code.mark if isinstance(code, Code) else mark)
        for key in node.keys if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, mark_of(key, mark)


def one_slip(a: str, b: str) -> bool:
    """Two neighbours swapped, or in longer names one letter too many, too few or wrong; no digits, no plurals."""
    if min(len(a), len(b)) < 3 or any(c.isdigit() for c in a + b) or abs(len(a) - len(b)) > 1 or a.rstrip("s") == b.rstrip("s"):
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if len(a) == len(b):
        swapped = a[at:at + 2] == b[at:at + 2][::-1] and a[at + 2:] == b[at + 2:]
        return swapped or (len(a) > 4 and a[at + 1:] == b[at + 1:])
    long, short = (a, b) if len(a) > len(b) else (b, a)
    return len(short) > 3 and long[at + 1:] == short[at:]
