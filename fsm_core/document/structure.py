"""What must hold between states and arcs before anything can run: one start, an end, arcs that lead somewhere."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from fsm_core.definition import Arc, Finding, Mark, State
from fsm_core.document.report import Report


def check_structure(report: Report, states: Sequence[State], arcs: Sequence[Arc], pointer: str) -> None:
    """Findings 101 to 105, and on_error that leads nowhere."""
    names: set[str] = set()
    for state in states:
        if state.name in names:
            _say(report, 101, f"the state '{state.name}' is there twice", state.mark)
        names.add(state.name)
    starts = [s for s in states if s.is_start]
    if len(starts) != 1:
        which = ", ".join(f"'{s.name}'" for s in starts) or "none"
        report.say(102, f"a machine has one start state, this one has {which}", pointer, "mark one with `is_start: true`")
    if not any(s.is_end for s in states):
        report.say(103, "there is no end state", pointer, "mark one with `is_end: true`")
    ends = {s.name for s in states if s.is_end}
    for arc in arcs:
        _known(report, arc.source, names, arc.mark, "an arc from")
        targets = [way.target for way in arc.ways] if arc.switch is not None else [arc.target]
        for target in filter(None, dict.fromkeys([*targets, arc.target])):  # without one its switch could not be read, which is said there
            _known(report, target, names, arc.mark, "an arc to")
        if arc.source in ends:
            _say(report, 105, f"the end state '{arc.source}' has an outgoing arc", arc.mark)
    for state in states:
        for catch in state.catches:
            _known(report, catch.to, names, catch.mark, "`on_error` to" if catch.to == state.on_error else "a catch to")


def _known(report: Report, name: str, names: set[str], mark: Mark, what: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        _say(report, 104, f"{what} the unknown state '{name}'", mark, f"did you mean '{near[0]}'?" if near else "")


def _say(report: Report, code: int, message: str, mark: Mark, hint: str = "") -> None:
    report.findings.append(Finding(code, "error", message, mark, hint))
