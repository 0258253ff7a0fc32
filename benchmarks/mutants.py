"""Machines with one mistake in them, by kind of mistake."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from benchmarks.mutants_of_formulas import Names, changed_formulas, misspelt

Path = tuple[Any, ...]
Mutants = Iterator[tuple[str, dict[str, Any]]]
_OWN = frozenset("set let define params record rename headers args cases fan_out types ranges".split())
_GONE = {
    "else": "deleted else", "default": "deleted default", "is_end": "missing end", "is_start": "missing start", "on_error": "removed on_error", "outcome": "removed outcome",
    "reason": "dropped reason", "validate": "removed validate", "condition": "removed condition", "key": "dropped key", "tombstone": "dropped tombstone",
    "keep": "removed keep", "push": "dropped push", "route": "dropped route", "record": "removed record", "into": "dropped into", "args": "dropped args",
}
_IN = {"require": "dropped require", "catch": "removed catch", "keep": "removed from keep", "remove": "removed from remove", "required": "unguarded null",
       "let": "removed let", "cases": "removed case", "define": "removed define"}
_OWN_NAMES = {"let": "misspelt let", "define": "misspelt define", "params": "misspelt param", "cases": "misspelt case", "headers": "misspelt header",
              "types": "misspelt field", "ranges": "misspelt field", "rename": "misspelt field", "args": "misspelt argument"}


def mutants(content: dict[str, Any]) -> Mutants:
    """Kind and document of every mutant."""
    names = Names(content)
    for path, value in list(_walk(content, ())):
        key, above = path[-1], path[-2] if len(path) > 1 else None
        yield from _of_keys(content, path, key, above)
        if isinstance(value, str):
            yield from _of_texts(content, path, value, names)
        elif (above == "set" or "record" in path[:-1]) and isinstance(value, bool | int | float):
            yield "wrong type of a constant", _with(content, path, str(value))
        if above == "arcs":
            yield from _of_arc(content, path, value)
        elif above == "states":
            yield from _of_state(content, path, value, names)
        if key == "cases" and len(value) > 1:
            yield from _of_cases(content, path, value)
        if isinstance(value, list) and key in ("catch", "require", "set", "remove"):
            yield from (("swapped lines", _swapped(content, path, i)) for i in range(1, len(value)))


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        if path == () and key in ("tests", "description"):
            continue
        yield from _walk(below, (*path, key))


def _of_keys(content: dict[str, Any], path: Path, key: Any, above: Any) -> Mutants:
    own = _OWN.intersection(path[:-1])
    if isinstance(key, str) and not own:
        yield "misspelt key", _moved(content, path, misspelt(key))
    elif isinstance(key, str) and above in _OWN_NAMES:
        yield _OWN_NAMES[above], _moved(content, path, misspelt(key))
    elif isinstance(key, str) and own & {"set", "record", "fan_out"} and not key.startswith("="):
        yield "misspelt new field", _moved(content, path, misspelt(key.rstrip("?")) + "?" * key.endswith("?"))
        yield "removed line", _without(content, path)
        if key.endswith("?"):
            yield "dropped ?", _moved(content, path, key[:-1])
    if key in _GONE and not own - {"cases"}:
        yield _GONE[key], _without(content, path)
    if above in _IN:
        yield _IN[above], _without(content, path)


def _of_texts(content: dict[str, Any], path: Path, text: str, names: Names) -> Mutants:
    key, above = path[-1], path[-2] if len(path) > 1 else None
    if key in ("to", "from", "on_error", "default") or above == "cases":
        yield "misspelt state", _with(content, path, misspelt(text))
    elif key == "push":
        yield "misspelt network", _with(content, path, misspelt(text))
        yield from (("push to wrong network", _with(content, path, n)) for n in names.networks if n != text)
    elif key in ("route", "reason"):
        yield f"wrong {key}", _with(content, path, misspelt(text))
    elif key == "name" and len(path) > 2:
        yield "misspelt name", _with(content, path, misspelt(text))
    elif above in ("keep", "remove", "required", "rename"):
        yield "misspelt new field" if above == "rename" else "misspelt field", _with(content, path, misspelt(text))
    elif above == "errors":
        yield from (("wrong catch error", _with(content, path, other)) for other in (misspelt(text), "ValueError"))
    elif above == "types":
        yield "wrong type in rules", _with(content, path, "string" if text != "string" else "number")
    elif key == "outcome":
        yield from (("wrong outcome", _with(content, path, other)) for other in ("output", "error", "drop") if other != text)
    else:
        for kind, other in changed_formulas(path, text, names):
            yield kind, _with(content, path, other)


def _of_arc(content: dict[str, Any], path: Path, arc: Any) -> Mutants:
    yield "missing arc", _without(content, path)
    arcs, at = _at(content, path[:-1]), path[-1]
    if "to" in arc:
        for other in sorted({a["to"] for a in arcs if "to" in a and a["to"] != arc["to"]})[:2]:
            yield "wrong target", _with(content, (*path, "to"), other)
    if at and arcs[at - 1].get("from") == arc.get("from"):
        yield "swapped arcs", _swapped(content, path[:-1], at)
    if isinstance(arc.get("condition"), str):
        yield "negated condition", _with(content, (*path, "condition"), f"not ({arc['condition']})")


def _of_state(content: dict[str, Any], path: Path, state: Any, names: Names) -> Mutants:
    yield "duplicated state", _appended(content, path, state)
    yield "removed state", _without(content, path)
    if "key" in state:
        tombstone = "wrong tombstone key" if state.get("tombstone") else "wrong key"
        yield from ((tombstone, _with(content, (*path, "key"), text)) for text in (None, "=data.key", *(f"=data.{n}" for n in names.fields[:2])))
    if not state.get("is_end"):
        for name in names.read_after(content, path):
            gone = [*state.get("remove", ()), name]
            yield "read of a removed field", _with(content, (*path, "remove"), gone)


def _of_cases(content: dict[str, Any], path: Path, cases: dict[str, Any]) -> Mutants:
    labels = list(cases)
    for a, b in itertools.pairwise(labels):
        if cases[a] == cases[b]:
            continue
        made = copy.deepcopy(content)
        here = _at(made, path)
        here[a], here[b] = here[b], here[a]
        yield "swapped cases", made


def _at(content: Any, path: Path) -> Any:
    for step in path:
        content = content[step]
    return content


def _with(content: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(content)
    _at(made, path[:-1])[path[-1]] = value
    return made


def _without(content: dict[str, Any], path: Path) -> dict[str, Any]:
    made = copy.deepcopy(content)
    del _at(made, path[:-1])[path[-1]]
    return made


def _moved(content: dict[str, Any], path: Path, name: str) -> dict[str, Any]:
    made = copy.deepcopy(content)
    here = _at(made, path[:-1])
    items = [(name if k == path[-1] else k, v) for k, v in here.items()]
    here.clear()
    here.update(items)
    return made


def _swapped(content: dict[str, Any], path: Path, at: int) -> dict[str, Any]:
    made = copy.deepcopy(content)
    items = _at(made, path)
    items[at - 1], items[at] = items[at], items[at - 1]
    return made


def _appended(content: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(content)
    _at(made, path[:-1]).append(copy.deepcopy(value))
    return made
