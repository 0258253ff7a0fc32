"""The streaming page's machine in `transitions`: one machine and one model, which goes back to the start for each record."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import orjson

from benchmarks.peers.walking import Record

PACKAGE = "transitions"
_STATES: list[Any] = ["input", {"name": "validate", "on_enter": "check"}, {"name": "enrich", "on_enter": "enrich_data"},
                      {"name": "categorize", "on_enter": "rate"}, "output", "error"]
_ARCS: list[Any] = [
    ["advance", "input", "validate"], {"trigger": "advance", "source": "validate", "dest": "enrich", "conditions": "is_valid"},
    ["advance", "validate", "error"], ["advance", "enrich", "categorize"], ["advance", "categorize", "output"], ["again", ["output", "error"], "input"]]
_RECORD: Any = Record()
import_module("transitions").Machine(_RECORD, states=_STATES, transitions=_ARCS, initial="input", auto_transitions=False)


def run(values: Sequence[bytes]) -> list[bytes]:
    """Trigger until an end is reached."""
    made, record = [], _RECORD
    for value in values:
        record.data = orjson.loads(value)
        while record.state not in ("output", "error"):
            record.advance()
        if record.state == "output":
            made.append(orjson.dumps(record.data))
        record.again()
    return made
