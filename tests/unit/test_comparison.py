"""docs/comparison.md: the machine and the plain Python in it do the same, and the figures are those of the texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsm_core import load
from fsm_core.casebook import parse_cases
from fsm_core.document import load_document

ROOT = Path(__file__).parents[2]
MACHINE = ROOT / "examples" / "jobs" / "sensors.yaml"
LOADED = load(MACHINE)
TEXT = (ROOT / "docs" / "comparison.md").read_text("utf-8")
BLOCKS: dict[str, str] = dict(re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
NOW = 1777636830  # 2026-05-01T12:00:30Z
GOOD = {"device": "d1", "model": "alpha", "unit": "F", "value": 200, "at": "2026-05-01T12:00:00Z"}
STRANGE = [{key: value for key, value in GOOD.items() if key != gone} for gone in ("model", "unit", "value", "at")] + [
    {**GOOD, "value": "hot"}, {**GOOD, "value": None}, {**GOOD, "at": "yesterday"}, {**GOOD, "at": "2026-05-01T11:00:00"}, {**GOOD, "unit": 7, "model": None}]


def records() -> Iterator[dict[str, Any]]:
    """Those of the machine's own tests, and some that are wrong in one place."""
    cases, _ = parse_cases(load_document(MACHINE))
    yield from (dict(case.given) for case in cases)
    yield from STRANGE


def in_python(record: dict[str, Any]) -> tuple[str, Any]:
    """What the text's Python makes of a record; for a rejected one the message that it gives."""
    names: dict[str, Any] = {}
    exec(compile(BLOCKS["python"], "docs/comparison.md", "exec"), names)
    handle: Callable[..., tuple[str, Any]] = names["handle"]
    try:
        return handle(record, NOW)
    except names["Rejected"] as error:
        return "rejected", str(error)
    except (KeyError, TypeError, ValueError):
        return "rejected", None


@pytest.mark.parametrize("record", [*records()], ids=str)
def test_the_python_does_what_the_machine_does(record: dict[str, Any]) -> None:
    """The same end, the same data; and the same message where the text's Python has one of its own."""
    trace = LOADED.process(record, now=NOW)
    end, came = in_python(record)
    assert trace.end == end
    if end == "rejected":
        assert trace.failure is not None and came in (None, trace.failure.message)
    else:
        assert trace.data == came


def test_the_text_shows_the_machine_and_counts_right() -> None:
    """The example without its tests; lines that are not blank, of the three."""
    assert MACHINE.read_text("utf-8").split("tests:\n")[0] == BLOCKS["yaml"]
    counts = [sum(bool(line.strip()) for line in BLOCKS[of].splitlines()) for of in ("yaml", "coffee", "python")]
    assert f"| lines | {' | '.join(map(str, counts))} |" in TEXT
