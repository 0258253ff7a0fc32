"""What people who come from other languages meant: the hints of findings about formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from keyword import kwlist
from typing import Final

_WORD = re.compile(rf"\.({'|'.join(kwlist)})\b")
_ELSEWHERE: Final = (
    (re.compile(r"\bin\s*="), "no = after `in`"),
    (re.compile(r"(?<![=!<>])=(?![=>])"), "`==` compares"),
    (re.compile(r"&&|\|\||\b(AND|OR|NOT)\b"), "`and`, `or`, `not`"),
    (re.compile(r"!(?!=)"), "`not` negates, `!=` is unequal"),
    (re.compile(r"=>|=<|<>"), "`>=`, `<=`, `!=`"),
    (re.compile(r"\?"), "`a if condition else b`"),
    (re.compile(r"\b(contains|includes|like)\b"), "`'x' in data.name`, or matches('x', data.name)"),
    (re.compile(r"\$"), "a field is data.name"),
    (re.compile(r"[‘’“”„]"), "straight quotes: 'text'"),
    (re.compile(r"\d,\d"), "a number has a point, and nothing between its thousands: 5000.5"),
    (re.compile(r"^\s*(if|when)\b"), "a condition stands alone; a choice is `a if condition else b`"),
)
_NAMES: Final = {"true": "True", "false": "False", "null": "None", "Null": "None", "NULL": "None", "nil": "None", "undefined": "None",
                 "now": "state.now", "meta": "state.meta", "error": "state.error", "message": "state.message", "record": "data", "this": "data", "Data": "data"}
_METHODS: Final = {"length": "len(…)", "size": "len(…)", "contains": "'x' in …", "includes": "'x' in …", "trim": "strip", "toLowerCase": "lower",
                   "toUpperCase": "upper", "substring": "brackets: data.name[0:3]", "startsWith": "startswith", "endsWith": "endswith"}
_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")


def syntax_hint(text: str, error: SyntaxError) -> str:
    """Why a text may be no Python; empty where nothing looks familiar."""
    outside = _STRINGS.sub("''", text)
    if word := _WORD.search(outside):
        return f"a name that is a Python word is written data['{word[1]}']"
    if text.lstrip().startswith("="):
        return "what is always a formula takes no = in front"
    if "was never closed" in str(error.msg) or "unterminated" in str(error.msg):
        return "in { } a comma ends the value: put quotes around the whole formula"
    return next((hint for pattern, hint in _ELSEWHERE if pattern.search(outside)), "")


def name_hint(name: str, known: Iterable[str], formula: str) -> str:
    """What an unknown name may be: that of another language, half of a field's name, a known one with a slip, or a field."""
    if meant := _NAMES.get(name):
        return f"write {meant}"
    if dashed := re.search(rf"\.(\w+(-\w+)*-{name})\b", formula):
        return f"a name that is no word is written data['{dashed[1]}']"
    if near := get_close_matches(name, known, 1, 0.66):
        return f"did you mean '{near[0]}'?"
    return f"a field is data.{name}" if formula else ""


def method_hint(method: str, known: Iterable[str]) -> str:
    """What an unknown method may be."""
    if meant := _METHODS.get(method):
        return f"write {meant}"
    near = get_close_matches(method, known, 1)
    return f"did you mean '{near[0]}'?" if near else ""
