"""Machines with one mistake in them, by kind of mistake."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[Any, ...]
_LISTS = ("name", "description", "tests")
_FLIPPED = {">=": "<", "<=": ">", ">": "<=", "<": ">=", "==": "!="}


def mutants(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and document of every mutant."""
    for path, value in list(_walk(content, ())):
        key = path[-1] if path else None
        if isinstance(key, str) and "set" not in path[:-1] and "params" not in path and key not in ("data",):
            yield "misspelt key", _moved(content, path, _misspelt(key))
        if len(path) > 1 and path[-2] == "set":
            yield "misspelt name in set", _moved(content, path, _misspelt(str(key)))
            yield "removed line of set", _without(content, path)
        if isinstance(value, str):
            yield from ((kind, _with(content, path, text)) for kind, text in _texts(path, value))
        if isinstance(key, str) and key in _GONE:
            yield _GONE[key], _without(content, path)
        if len(path) > 1 and path[-2] == "required":
            yield "unguarded null", _without(content, path)
        if len(path) > 1 and path[-2] == "arcs":
            yield from _arcs(content, path, value)
        if len(path) > 1 and path[-2] == "states":
            yield "duplicated state", _appended(content, path, value)
            yield "removed state", _without(content, path)


_GONE = {"else": "missing else", "is_end": "missing end", "is_start": "missing start", "on_error": "removed on_error", "outcome": "removed outcome",
         "reason": "dropped reason", "validate": "removed validate", "tests": "removed tests", "condition": "removed condition"}


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        if path and path[0] == "tests":
            return
        yield from _walk(below, (*path, key))


def _texts(path: Path, text: str) -> Iterator[tuple[str, str]]:
    key = path[-1]
    if key in ("to", "from") or key == "on_error":
        yield "misspelt state", _misspelt(text)
    if key == "route":
        yield "wrong route", _misspelt(text)
    if not (key == "condition" or "transform" in path or text.startswith("=")):
        return
    yield "bad code", text + " +"
    patterns: list[tuple[str, str, Callable[[re.Match[str]], str]]] = [
        ("misspelt field", r"(?<=data\.)[a-z_]{3,}(?!\w|\()", lambda m: _misspelt(m.group())),
        ("misspelt field", r"(?<=data\[')[a-z_]{3,}(?='\])", lambda m: _misspelt(m.group())),
        ("wrong param", r"(?<=params\.)\w+", lambda m: _misspelt(m.group())),
        ("wrong helper", r"\b(to_int|to_number|round|iso|parse_time|matches|coalesce|has|round_half_up|text|find|min|max)(?=\()", lambda m: _misspelt(m.group())),
        ("wrong type of a constant", r"(?<=[<>=*/] )\d+(\.\d+)?\b", lambda m: f"'{m.group()}'"),
        ("flipped comparison", r"[<>]=|==|(?<= )[<>](?= )", lambda m: _FLIPPED[m.group()]),
        ("wrong number", r"(?<=[<>=*/] )\d+(\.\d+)?\b", lambda m: str(float(m.group()) + 1)),
        ("wrong text", r"(?<== ')\w+(?=')", lambda m: _misspelt(m.group())),
        ("unguarded null", r"coalesce\((data\.\w+)(, [^()]+)?\)", lambda m: m.group(1)), ("wrong operator", r" \* ", lambda m: " + "),
    ]
    for kind, pattern, change in patterns:
        for match in re.finditer(pattern, text):
            yield kind, text[:match.start()] + change(match) + text[match.end():]


def _arcs(content: dict[str, Any], path: Path, arc: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "missing arc", _without(content, path)
    arcs, at = _at(content, path[:-1]), path[-1]
    for other in sorted({a["to"] for a in arcs if a["to"] != arc["to"]})[:2]:
        yield "wrong target", _with(content, (*path, "to"), other)
    if at and arcs[at - 1].get("from") == arc.get("from"):
        made = copy.deepcopy(content)
        both = _at(made, path[:-1])
        both[at - 1], both[at] = both[at], both[at - 1]
        yield "swapped arcs", made
    if isinstance(arc.get("condition"), str):
        yield "negated condition", _with(content, (*path, "condition"), f"not ({arc['condition']})")


def _misspelt(word: str) -> str:
    return word[:-2] + word[-1] + word[-2] if len(word) > 2 and word[-1] != word[-2] else word + "x"


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


def _appended(content: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(content)
    _at(made, path[:-1]).append(copy.deepcopy(value))
    return made
