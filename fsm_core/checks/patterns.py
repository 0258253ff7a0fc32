"""Which named groups a regular expression has, and which of them take part in every match."""

from __future__ import annotations

import importlib
import re
from typing import Any

from fsm_core.checks.facts import Fact, Field, of


def found_groups(pattern: str | None) -> Fact:
    """What `find` gives: null, or an object with the groups; one that may take no part is null there."""
    parser: Any = importlib.import_module("re._parser")
    try:
        parsed = None if pattern is None else parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        parsed = None  # finding 112 tells of it
    if parsed is None:
        return of("object", "null", guessed=True)
    sure: set[int] = set()
    _surely(parsed, sure)
    fields = {name: Field(of("string") if number in sure else of("string", "null", guessed=True)) for name, number in parsed.state.groupdict.items()}
    always = all(_empty(*item) for item in parsed)
    return of(*["object", "null"][:2 - always], guessed=not always, closed=True, fields=fields)


def _empty(what: Any, argument: Any) -> bool:
    """Whether a part of a pattern is content with nothing, wherever it stands."""
    if str(what) == "SUBPATTERN":
        return all(_empty(*item) for item in argument[-1])
    return str(what) in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] == 0 or (str(what), str(argument)) == ("AT", "AT_BEGINNING")


def _surely(parsed: Any, found: set[int]) -> None:
    """The numbers of the groups that every match passes."""
    for what, argument in parsed:
        match str(what):
            case "SUBPATTERN":
                if argument[0] is not None:
                    found.add(argument[0])
                _surely(argument[-1], found)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT" if argument[0] > 0:
                _surely(argument[2], found)
            case "ATOMIC_GROUP":
                _surely(argument, found)
