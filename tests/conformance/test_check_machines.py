"""Machines as people write them, for jobs of many kinds, in which there is nothing to find: a check that speaks up here is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm_core.checks import check

_MACHINES = sorted((Path(__file__).parent / "machines").glob("*.yaml"))


@pytest.mark.parametrize("machine", _MACHINES, ids=lambda p: p.stem)
def test_nothing_is_found(machine: Path) -> None:
    """No error and no warning; what machines have of tests passes."""
    assert [str(f) for f in check(machine, functions={"geo": dict, "score": dict}) if f.severity != "info"] == []
