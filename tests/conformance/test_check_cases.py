"""Each check of the language by cases: machines that have what it looks for, and near ones that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fsm_core.checks import check
from fsm_core.checks.codes import CODES

_FILES = sorted((Path(__file__).parent / "checks").glob("*.yaml"))
_CASES = [case for file in _FILES for case in YAML(typ="safe", pure=True).load(file.read_text())]


@pytest.mark.parametrize("case", _CASES, ids=lambda c: f"{c['code']} {c['name']}")
def test_case(case: dict[str, Any]) -> None:
    """`found`: severity and pointer of each finding of that code, none where there is nothing to find; `says`: what its message holds."""
    functions = None if case.get("without") == "functions" else {"host": dict}
    findings = check(case["machine"], trusted=case.get("trusted", False), functions=functions, params=case.get("params"))
    assert case["code"] == 190 or not any(f.code == 190 for f in findings), findings
    came = [f for f in findings if f.code == case["code"]]
    assert [(f.severity, f.mark.pointer) for f in came] == [(f["severity"], f["pointer"]) for f in case["found"]], [str(f) for f in findings]
    assert all(wanted.get("says", "") in f.message for f, wanted in zip(came, case["found"], strict=True)), came


def test_every_check_has_both() -> None:
    """A check without a case that it finds, and one that it leaves alone, is held to nothing."""
    both = {code: {bool(c["found"]) for c in _CASES if c["code"] == code} for code in {c["code"] for c in _CASES}}
    assert both == {code: {True, False} for code in CODES}
