"""Formulas and texts with one mistake in them, by kind of mistake."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

from fsm_core.expressions.names import HELPERS

_FLIPPED = {">=": "<", "<=": ">", ">": "<=", "<": ">=", "==": "!="}
_BOUNDARY = {">=": ">", "<=": "<", ">": ">=", "<": "<="}
_FORMULAS = ("condition", "switch", "=if")
_TEMPLATES = frozenset("let define record set fan_out args key headers timestamp message".split())
_Change = Callable[[re.Match[str]], str]


class Names:
    """The names that a document's author gave: lets, defines, params, networks; and the fields that its formulas read."""

    def __init__(self, content: dict[str, Any]) -> None:
        states = [s for n in content.get("networks", [content]) for s in n["states"]]
        self.lets = sorted({n for s in states for n in s.get("let", ())})
        self.defines = sorted(d.partition("(")[0] for d in content.get("define", ()))
        self.networks = [n["name"] for n in content.get("networks", ())]
        self.fields = _read({k: v for k, v in content.items() if k != "tests"})

    def read_after(self, content: dict[str, Any], path: tuple[Any, ...]) -> list[str]:
        """The fields that formulas read after a state: on its arcs, and in what they lead to."""
        network = content
        for step in path[:-2]:
            network = network[step]
        state, states = network["states"][path[-1]]["name"], {s["name"]: s for s in network["states"]}
        seen, todo, found = set[str](), [state], []
        while todo:
            name = todo.pop()
            arcs = [a for a in network.get("arcs", ()) if a["from"] == name]
            found += _read(arcs) + (_read(states[name]) if name != state and name in states else [])
            leads = {t for a in arcs for t in (a.get("to"), *(c if isinstance(c, str) else c.get("to") for c in a.get("cases", {}).values())) if t}
            todo += leads - seen
            seen |= leads
        return list(dict.fromkeys(found))


def _read(value: Any) -> list[str]:
    return list(dict.fromkeys(re.findall(r"\bdata\.([a-z_]+)\b(?!\()", str(value))))


def misspelt(word: str) -> str:
    """The word with its last two letters swapped, or one more."""
    return word[:-2] + word[-1] + word[-2] if len(word) > 2 and word[-1] != word[-2] else word + "x"


def changed_formulas(path: tuple[Any, ...], text: str, names: Names) -> Iterator[tuple[str, str]]:
    """Kind and text of every mutant of a text that stands at that path."""
    key = path[-1]
    if key in ("name", "description", "version", "main_network", "ref", "mode"):
        return
    if text.startswith("="):
        yield "= forgotten", text[1:]
        yield from (changed for changed in _formula(text[1:], names, "="))
    elif key in _FORMULAS or key in ("transform", "code", "validate"):
        yield from _formula(text, names, "")
    elif key == "=for":
        loop, _, source = text.partition(" in ")
        yield from _formula(source, names, f"{loop} in ")
    elif key == "message" or "set" in path or "record" in path:
        yield "wrong text", misspelt(text)
    elif "define" in path:
        yield from _pattern(text)


def _formula(text: str, names: Names, before: str) -> Iterator[tuple[str, str]]:
    yield "bad code", before + text + " +"
    for kind, pattern, change in (*_PATTERNS, *_named(names)):
        for match in re.finditer(pattern, text):
            yield kind, before + text[:match.start()] + change(match) + text[match.end():]
    yield from ((kind, before + made) for kind, made in _calls(text))


def _field(match: re.Match[str]) -> str:
    return misspelt(match.group())


_NUMBER = r"(?<=[<>=*/,+-] )-?\d+(\.\d+)?\b"
_PATTERNS: tuple[tuple[str, str, _Change], ...] = (
    ("misspelt field", r"(?<=data\.)[a-z_]{3,}(?!\w|\()", _field), ("misspelt field", r"(?<=data\[')[a-z_]{3,}(?='\])", _field),
    ("misspelt inner field", r"(?<=\b(?!data)[a-z]{4}\.)[a-z_]{2,}(?!\w|\()", _field), ("misspelt inner field", r"(?<=\w\.)[a-z_]{2,}(?=\.[a-z])", _field),
    ("wrong param", r"(?<=params\.)\w+", _field), ("wrong method", r"(?<=\.)(strip|lower|upper|title|partition|get|split)(?=\()", _field),
    ("wrong helper", rf"\b({'|'.join(sorted(HELPERS | {'round', 'min', 'max', 'len', 'sum', 'enumerate'}))})(?=\()", _field),
    ("wrong type of a constant", _NUMBER, lambda m: f"'{m.group()}'"), ("wrong type of a constant", r"(?<=[=!]= )'\d*[A-Za-z]+'", lambda m: "1"),
    ("flipped comparison", r"[<>]=|==|(?<= )[<>](?= )", lambda m: _FLIPPED[m.group()]), ("off by one", r"[<>]=|(?<= )[<>](?= )", lambda m: _BOUNDARY[m.group()]),
    ("wrong number", _NUMBER, lambda m: str(float(m.group()) + 1)), ("wrong text", r"(?<=[=!]= ')\w+(?=')|(?<=[(\[]')\w+(?=',)", _field),
    ("unguarded null", r"coalesce\((data\.[\w.]+)(, [^()]+)?\)", lambda m: m.group(1)), ("unguarded null", r"has\((data\.[\w.]+)\)", lambda m: m.group(1)),
    ("wrong operator", r" \* ", lambda m: " + "), ("wrong operator", r" - ", lambda m: " + "), ("and for or", r" and ", lambda m: " or "), ("and for or", r" or ", lambda m: " and "),
    ("= for ==", r" == ", lambda m: " = "), ("lost quote", r"(?<=[(\[ ])'(?=\w)", lambda m: ""), ("lost bracket", r"\)(?=[^()]*$)", lambda m: ""),
    ("JavaScript's words", r"\bNone\b", lambda m: "null"), ("JavaScript's words", r" and ", lambda m: " && "), ("data forgotten", r"\bdata\.(?=[a-z_]+\b(?!\())", lambda m: ""),
)


def _named(names: Names) -> Iterator[tuple[str, str, _Change]]:
    for name in names.lets:
        yield "wrong let", rf"(?<![\w.]){name}\b", _field
        for other in [n for n in names.lets if n != name][:1]:
            yield "another let", rf"(?<![\w.]){name}\b", lambda m, other=other: other  # type: ignore[misc]  # bound now
    for name in names.defines:
        yield "wrong define", rf"(?<![\w.]){name}\b", _field


def _calls(text: str) -> Iterator[tuple[str, str]]:
    """Calls with two arguments changed about, or with the last one left out."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(), args=[_, _, *_] as args):
                parts = [ast.unparse(a) for a in args]
                yield "wrong helper argument", _instead(text, node, [parts[1], parts[0], *parts[2:]])
                yield "dropped helper argument", _instead(text, node, parts[:-1])
            case ast.Call(func=ast.Name(), args=[only]) if not isinstance(only, ast.GeneratorExp):
                yield "dropped helper argument", _instead(text, node, [])


def _instead(text: str, node: ast.Call, parts: list[str]) -> str:
    source = ast.get_source_segment(text, node) or ""
    return text.replace(source, f"{ast.unparse(node.func)}({', '.join(parts)})", 1)


def _pattern(text: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"(?<=\(\?P<)\w+(?=>)", text):
        yield "misspelt group", text[:match.start()] + misspelt(match.group()) + text[match.end():]
    if "(" in text:
        yield "bad pattern", text.replace(")", "", 1)
