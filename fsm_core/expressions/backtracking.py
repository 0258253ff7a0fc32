"""Which patterns could take exponential time: a repeat whose turns can be told apart in more than one way."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

_ALPHABET: Final = frozenset([*map(chr, range(0x180)), "\u4e00", "\u0661", "\u2028", "\U0001f600"])
"""With those that a pattern names, enough to see whether two of its sets have one in common."""
_FEW: Final = 3
"""A repeat of at most that many turns is polynomial, whatever stands in it."""
_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")
_SINGLE: Final = ("LITERAL", "NOT_LITERAL", "IN", "ANY", "CATEGORY", "RANGE")
Item = tuple[Any, Any]


@cache
def _parser() -> Any:
    return importlib.import_module("re._parser")


def explodes(pattern: str) -> bool:
    """Whether an unbounded repeat stands inside an unbounded repeat, or a turn of a repeat could be matched in several ways."""
    items = list(_parser().parse(pattern))
    return _nested(items, 0) or _Turns(items).ambiguous(items)


def _below(item: Item) -> list[list[Item]]:
    """The sequences inside of an item."""
    found, todo = [], [item[1]]
    while todo:
        one = todo.pop()
        if isinstance(one, _parser().SubPattern):
            found.append(list(one))
        elif isinstance(one, tuple | list):
            todo += one
    return found


def _nested(items: list[Item], depth: int) -> bool:
    for item in items:
        unbounded = str(item[0]) in (*_REPEATS, "POSSESSIVE_REPEAT") and int(item[1][1]) >= int(_parser().MAXREPEAT)
        if depth + unbounded > 1 or any(_nested(below, depth + unbounded) for below in _below(item)):
            return True
    return False


def _named(value: Any) -> set[str]:
    """The characters that a pattern names, ends of ranges too."""
    found: set[str] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, _parser().SubPattern):
            todo += list(one)
        elif isinstance(one, tuple) and len(one) == 2 and str(one[0]) in ("LITERAL", "NOT_LITERAL", "RANGE"):
            found |= {chr(c) for c in (one[1] if isinstance(one[1], tuple) else (one[1],))}
        elif isinstance(one, tuple | list):
            todo += one
    return found


def _flat(items: Sequence[Item]) -> list[Item]:
    """A sequence without the groups around its parts, and without what takes no characters."""
    flat: list[Item] = []
    for item in items:
        if str(item[0]) == "SUBPATTERN":
            flat += _flat(list(item[1][3]))
        elif str(item[0]) not in ("AT", "ASSERT", "ASSERT_NOT"):
            flat.append(item)
    return flat


def _apart(sets: list[frozenset[str] | None]) -> bool:
    seen: set[str] = set()
    for one in sets:
        if one is None or seen & one:
            return False
        seen |= one
    return True


def _both(character: str) -> tuple[str, ...]:
    """Both cases: the pattern may ignore them."""
    return character, character.lower(), character.upper()


def _category(name: str, alphabet: frozenset[str]) -> frozenset[str] | None:
    kinds = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w",
             "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_NOT_SPACE": r"\S", "CATEGORY_NOT_WORD": r"\W"}
    if name not in kinds:
        return None
    return frozenset(c for c in alphabet if re.match(kinds[name], c))


class _Turns:
    """The turns of a pattern's repeats."""

    def __init__(self, items: list[Item]) -> None:
        self.alphabet = _ALPHABET | {both for c in _named(items) for both in _both(c)}

    def ambiguous(self, items: list[Item]) -> bool:
        """Whether a turn of any of the repeats could be matched in several ways."""
        for item in items:
            turn = _flat(list(item[1][2])) if str(item[0]) in _REPEATS and int(item[1][1]) > _FEW else []
            if not self._certain(turn, turn):
                return True
            if any(self.ambiguous(below) for below in _below(item)):
                return True
        return False

    def _certain(self, turn: list[Item], after: list[Item]) -> bool:
        """Each character says alone how to go on: alternatives begin, and optional parts end, differently. `after` comes then."""
        for at, (kind, value) in enumerate(turn):
            then = [*turn[at + 1:], *after]
            if str(kind) == "BRANCH":
                ways = [_flat(list(way)) for way in value[1]]
                if not _apart([self._first(way) for way in ways]) or not all(self._certain(way, then) for way in ways):
                    return False
            elif str(kind) in _REPEATS:
                inside = _flat(list(value[2]))
                if int(value[0]) != int(value[1]) and not _apart([self._first(inside), self._first(then)]):
                    return False
                simple = all(str(item[0]) in _SINGLE for item in inside)
                if not simple and (int(value[1]) > 1 or not self._certain(inside, then)):
                    return False
            elif str(kind) not in _SINGLE:
                return False
        return True

    def _first(self, items: list[Item]) -> frozenset[str] | None:
        """The characters that can begin a sequence; None: not known."""
        found: frozenset[str] = frozenset()
        for kind, value in items:
            optional = str(kind) in _REPEATS and int(value[0]) == 0
            one = self._first(_flat(list(value[2]))) if str(kind) in _REPEATS else self._characters(kind, value)
            if one is None:
                return None
            found |= one
            if not optional:
                return found
        return None

    def _characters(self, kind: Any, value: Any) -> frozenset[str] | None:
        match str(kind):
            case "LITERAL":
                return frozenset(_both(chr(value)))
            case "NOT_LITERAL":
                return self.alphabet - {chr(value)}
            case "ANY":
                return self.alphabet
            case "RANGE":
                inside = {c for c in self.alphabet if value[0] <= ord(c) <= value[1]} | {chr(value[0]), chr(value[1])}
                return frozenset(both for c in inside for both in _both(c))
            case "CATEGORY":
                return _category(str(value), self.alphabet)
            case "IN":
                negated = str(value[0][0]) == "NEGATE"
                parts = [self._characters(*part) for part in value[negated:]]
                if any(part is None for part in parts):
                    return None
                union = frozenset(c for part in parts for c in part or ())
                return self.alphabet - union if negated else union
        return None
