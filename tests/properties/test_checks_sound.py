"""What the checks call impossible does not happen."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_core import load
from fsm_core.definition import Definition
from tests.effort import examples
from tests.properties.machines import machines, record


def _said(definition: Definition, found: list[Any], code: int) -> set[str]:
    return {f.mark.pointer for f in found if f.code == code}


@settings(max_examples=examples(75), deadline=None)
@given(machines(), st.lists(record, min_size=1, max_size=5))
def test_dead_arcs_and_what_is_left_over(document: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """No record takes an arc that is called dead; none fails with no_arc where no arc is said to leave records over."""
    machine = load(copy.deepcopy(document))
    found, definition = machine.check(), machine.definition
    dead = {(a.source, a.target) for a in definition.arcs if a.mark.pointer in _said(definition, found, 211)}
    alive = {(a.source, a.target) for a in definition.arcs if a.mark.pointer not in _said(definition, found, 211)}
    alive |= {(s.name, s.on_error or "") for s in definition.states.values()}  # counted as arcs are
    open_ = {a.source for a in definition.arcs if a.mark.pointer in _said(definition, found, 210)}
    result = machine.run_records(records)
    assert not (dead - alive) & set(result.arcs)
    stuck = {f.state for _, f in result.failures if f.reason == "no_arc"}
    assert stuck <= open_ | {s.name for s in definition.states.values() if not definition.arcs_from(s.name)}
