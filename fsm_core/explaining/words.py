"""Values as a person reads them: JSON where it is JSON, cut where it is long."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsm_core.explaining.story import Story

MOST = 300
_KINDS = {"str": "a text", "int": "a number", "float": "a number", "bool": "true or false", "NoneType": "null", "list": "a list", "dict": "an object"}
_PLAINLY = (
    (re.compile(r"^()string indices must be integers"), "a field is read of a text, which has none"),
    (re.compile(r"^()list indices must be integers"), "a field is read of a list, which has places: [0] is the first"),
    (re.compile(r"^'(\w+)' object is not subscriptable"), "a field is read of {0}, which has none"),
    (re.compile(r"^'(\w+)' object is not iterable"), "{0} is gone through as a list"),
    (re.compile(r"^'\S+' not supported between instances of '(\w+)' and '(\w+)'"), "{0} is compared with {1} (to_number, to_int, or coalesce for a null)"),
    (re.compile(r"(?:^unsupported operand type\(s\) for \S+|here, not) '?(\w+)'? and '?(\w+)'?"), "{0} is reckoned with {1} (to_number, to_int, or coalesce for a null)"),
)
"""What Python says of values of the wrong type, and how one says it who does not know Python."""


def value(of: Any, most: int = MOST) -> str:
    """A value on one line."""
    return cut(json.dumps(of, ensure_ascii=False, default=repr), most)


def cut(text: str, most: int = MOST) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[:most - 1] + "…"


def end_line(end: str | None, outcome: str | None, failure: Any) -> str:
    """How a walk ended: `ends in accepted (output)`, `ends in rejected (dead letter): …`, `dead letter: transform in …`.

    An end without an outcome is a fan-out that made no record.
    """
    if failure is None:
        return f"ends in {end} ({outcome})" if outcome is not None else f"ends in {end} (drop): nothing goes on from here"
    if failure.get("reason") == "rejected":
        return f"ends in {failure['state']} (dead letter): {failure.get('message', '')}"
    return f"dead letter: {failure_line(failure)}"


def fan_out_line(story: Story) -> str:
    """What a failure does to all that a fan-out made, where there was one; else nothing."""
    made = any(visit.children for visit in story.visits)
    return "the whole record is the dead letter: nothing that the fan-out made of it is sent" if made and story.failure is not None else ""


def sent_line(sent: Mapping[str, Any]) -> str:
    """An output: `out {"id": 1}  to alerts, key 7, headers {"why": "late"}`."""
    marks = [f"to {sent['route']}"] if "route" in sent else []
    marks += [f"key {'null' if sent['key'] is None else sent['key']}"] if "key" in sent else []
    marks += [f"{name} {value(sent[name])}" for name in ("headers", "timestamp") if name in sent]
    return f"out {cut(sent['value'])}  {', '.join(marks)}".rstrip()


def meaning_line(failure: Any) -> str:
    """A TypeError in words; nothing for what is clear already. What the dead letter says stays as it is."""
    for pattern, words in _PLAINLY if failure and failure.get("error") == "TypeError" else ():
        if found := pattern.search(failure.get("message") or ""):
            return f"that is, {words.format(*(_KINDS.get(kind, kind) for kind in found.groups()))}"
    return ""


def failure_line(failure: Any) -> str:
    """`validate in state row, set.total, TypeError: …` of a failure as data."""
    where = ", ".join(str(failure[key]) for key in ("state", "function", "error") if failure.get(key))
    return f"{failure.get('reason')}{f' in {where}' if where else ''}: {failure.get('message', '')}"
