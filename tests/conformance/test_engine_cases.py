"""Conformance cases: what the language promises, as files, through interpreter and compiled code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import fsm_core

CASES = [case for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
         for case in YAML(typ="safe").load(file.read_text("utf-8"))]


@pytest.mark.parametrize("engine", ["run", "run_interpreted"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_case(case: dict[str, Any], engine: str) -> None:
    """Outputs byte for byte, failures by position, reason, state and error type."""
    machine = fsm_core.load({"name": "case", **case["machine"]}, trusted=case.get("trusted", True))
    result = getattr(machine, engine)([json.dumps(given).encode() for given in case["given"]])
    assert [row[2].decode() for row in result.rows] == case.get("outputs", [])
    assert [[p, f.reason, f.state, f.error] for p, f in result.failures] == case.get("failures", [])
    assert result.dropped == case.get("dropped", 0)


def test_cases_are_compiled() -> None:
    """The cases above say something about compiled code: each of their machines is fused."""
    for case in CASES:
        assert fsm_core.load({"name": "case", **case["machine"]}, trusted=case.get("trusted", True)).source, case["name"]
