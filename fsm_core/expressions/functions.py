"""Helpers that make text and numbers, and what `coalesce` and `has` become."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fsm_core.expressions.bounds import MOST_TEXT, refuse_large

ABSENT: Final = object()
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_LONGEST_NUMBER = 400


def text(*parts: Any) -> str:
    """The parts joined: text as it is, null as nothing, all else as compact JSON."""
    made = [p if isinstance(p, str) else "" if p is None else _json(p) for p in parts]
    if sum(map(len, made)) > MOST_TEXT:  # lines of `let` that double a text would fill the memory
        raise OverflowError(f"text() would give more than {MOST_TEXT} characters")
    return "".join(made)


def _json(value: Any) -> str:
    if not isinstance(value, int | float):
        refuse_large(value, "text()")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def to_int(x: Any, d: Any = ABSENT) -> Any:
    """An integer, a float without fraction, or text of a JSON integer; within 64 bits. `d` instead of the error."""
    try:
        return _int(x)
    except (ValueError, OverflowError):
        if d is ABSENT:
            raise ValueError(f"not an integer: {shown(x)}") from None
        return d


def _int(x: Any) -> int:
    if (isinstance(x, str) and len(x) < _LONGEST_NUMBER and _INTEGER.match(x.strip())) or (isinstance(x, float) and x.is_integer()):
        x = int(x)
    if isinstance(x, bool) or not isinstance(x, int) or not -(2**63) <= x < 2**64:
        raise ValueError
    return x


def to_number(x: Any, d: Any = ABSENT) -> Any:
    """A number, or text of a JSON number (an int when it has neither point nor exponent). `d` instead of the error."""
    try:
        return _number(x)
    except (ValueError, OverflowError):
        if d is ABSENT:
            raise ValueError(f"not a number: {shown(x)}") from None
        return d


def _number(x: Any) -> int | float:
    if isinstance(x, str) and len(x) < _LONGEST_NUMBER and _NUMBER.match(x.strip()) and not _INTEGER.match(x.strip()):
        x = float(x)
    if isinstance(x, float):
        if x - x != 0:
            raise ValueError
        return x
    return _int(x)


def shown(x: Any) -> str:
    """A value as an error message shows it: at most 80 characters."""
    try:
        refuse_large(x, "a message")
        shown = repr(x)
    except (OverflowError, RecursionError):
        return f"a large {type(x).__name__}"
    return shown if len(shown) < 80 else shown[:77] + "..."


def coalesce(*lazy: Callable[[], Any]) -> Any:
    """The first that is not null; each argument is a function that is called only when its turn comes."""
    for argument in lazy:
        if (value := argument()) is not None:
            return value
    return None


def read(value: Any, steps: tuple[str | int, ...]) -> Any:
    """What stands at the end of a path, None where a step meets nothing."""
    for step in steps:
        if isinstance(step, int) != isinstance(value, list | tuple) or isinstance(value, str):
            return None
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    return value

