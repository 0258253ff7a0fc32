"""Conformance cases: what the language promises, as files, through interpreter and compiled code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import fsm_core
from fsm_core.engine.batch import SOURCE


def of_formula(case: dict[str, Any]) -> dict[str, Any]:
    """A case of one formula: `gives` has its value for each record, or `{raises: error}`."""
    end = {"name": "output", "is_end": True}
    states = [{"name": "in", "is_start": True, "set": {"gives": "=" + case["formula"]}}, end]
    gives = list(enumerate(case["gives"]))
    raised = {at: one["raises"] for at, one in gives if isinstance(one, dict) and one.keys() == {"raises"}}
    outputs = [json.dumps({**given, "gives": one}, separators=(",", ":"), ensure_ascii=False)
               for given, (at, one) in zip(case["given"], gives, strict=True) if at not in raised]
    return {"name": case["name"], "given": case["given"], "outputs": outputs, "now": case.get("now"), "trusted": case.get("trusted", False),
            "failures": [[at, "transform", "in", error] for at, error in raised.items()],
            "machine": {"states": states, "arcs": [{"from": "in", "to": "output"}], **case.get("machine", {})}}


def of_state(case: dict[str, Any]) -> dict[str, Any]:
    """A case of what one state does (`does`), beside whatever else its machine has."""
    states = [{"name": "in", "is_start": True, **case["does"]}, {"name": "output", "is_end": True}]
    return {**case, "trusted": False, "machine": {"states": states, "arcs": [{"from": "in", "to": "output"}], **case.get("machine", {})}}


def plain(case: dict[str, Any]) -> dict[str, Any]:
    """A case with its machine written out."""
    return of_formula(case) if "formula" in case else of_state(case) if "does" in case else case


def shown_row(row: tuple[Any, ...]) -> list[Any]:
    """Route, key, headers and timestamp as cases write them."""
    _, route, _, key, headers, timestamp = row
    key = "source" if key is SOURCE else key if key is None else key.decode()
    return [route, key, [[name, value.decode()] for name, value in headers or ()], timestamp]


CASES = [plain(case) for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
         for case in YAML(typ="safe").load(file.read_text("utf-8"))]


@pytest.mark.parametrize("engine", ["run", "run_interpreted"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_case(case: dict[str, Any], engine: str) -> None:
    """Outputs byte for byte, failures by position, reason, state and error type."""
    machine = fsm_core.load({"name": "case", **case["machine"]}, trusted=case.get("trusted", True))
    result = getattr(machine, engine)([json.dumps(given).encode() for given in case["given"]], now=case.get("now"))
    assert [None if row[2] is None else row[2].decode() for row in result.rows] == case.get("outputs", [])
    if "rows" in case:
        assert [shown_row(row) for row in result.rows] == case["rows"]
    if "messages" in case:
        assert [failure.message for _, failure in result.failures] == case["messages"]
    assert [[p, f.reason, f.state, f.error] for p, f in result.failures] == case.get("failures", [])
    assert result.dropped == case.get("dropped", 0)


def test_cases_are_compiled() -> None:
    """The cases above say something about compiled code: each of their machines is fused."""
    for case in CASES:
        assert fsm_core.load({"name": "case", **case["machine"]}, trusted=case.get("trusted", True)).source, case["name"]
