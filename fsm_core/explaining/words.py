"""Values as a person reads them: JSON where it is JSON, cut where it is long."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsm_core.explaining.story import Story

MOST = 300


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


def failure_line(failure: Any) -> str:
    """`validate in state row, set.total, TypeError: …` of a failure as data."""
    where = ", ".join(str(failure[key]) for key in ("state", "function", "error") if failure.get(key))
    return f"{failure.get('reason')}{f' in {where}' if where else ''}: {failure.get('message', '')}"
