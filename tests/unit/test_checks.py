"""What `check` says about machines that load and machines that do not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fsm_core import load
from fsm_core.checks import check, check_document
from fsm_core.document.reading import read_text
from fsm_core.engine.graph import rings

A, B = {"name": "a", "is_start": True}, {"name": "b", "is_end": True}


def found(*arcs: dict[str, Any], states: tuple[dict[str, Any], ...] = (A, B)) -> list[tuple[int, str]]:
    """Code and severity of each finding of a small machine."""
    return [(f.code, f.severity) for f in check({"states": list(states), "arcs": list(arcs)}, trusted=False) if f.code != 900]


def arc(condition: Any = None, **more: Any) -> dict[str, Any]:
    """An arc from a to b."""
    return {"from": "a", "to": "b", **({} if condition is None else {"condition": condition}), **more}


def test_clean_machine() -> None:
    """A machine in order has no findings."""
    assert found(arc()) == [] and found(arc("data.x"), arc(**{"else": True})) == []


@pytest.mark.parametrize(("arcs", "codes"), [
    ([arc("data.x")], [210]), ([arc(), arc("data.x")], [211]), ([arc("True")], [212]), ([arc("0"), arc()], [212]),
    ([arc("data.x"), arc("data.x"), arc()], [213]), ([arc("data.x"), arc("state.data['x']"), arc()], [213]),
    ([arc("data.x"), arc("not data.x")], [214]), ([arc("not data.x"), arc("data.x")], [214]),
    ([arc("lambda state: state.data['x']"), arc("lambda state: not state.data['x']")], [214]),
    ([arc("data.x"), arc("not data.x"), arc()], [214, 211]), ([arc(to="zz")], [104]), ([arc(), {"from": "b", "to": "a"}], [105]),
])
def test_arcs(arcs: list[dict[str, Any]], codes: list[int]) -> None:
    """What the arcs of one state say together."""
    assert [code for code, _ in found(*arcs)] == codes


@pytest.mark.parametrize(("states", "codes"), [
    ((A, B, {"name": "c"}), [201]), ((A, B, {**A}), [101, 102]), (({"name": "a"}, B), [102]), ((A, {"name": "b"}), [103]),
    ((A, B, {"name": "c", "arcs": [{"to": "b"}]}), [201]),
])
def test_states(states: tuple[dict[str, Any], ...], codes: list[int]) -> None:
    """What the states say together."""
    assert [code for code, _ in found(arc(), states=states)] == codes


def test_no_way_out() -> None:
    """A state without arcs is 203, and one that leads only there 202."""
    c, d = {"name": "c", "arcs": [{"to": "d"}]}, {"name": "d"}
    assert found(arc("data.x"), {"from": "a", "to": "c"}, states=(A, B, c, d)) == [(202, "warning"), (203, "warning")]


def test_severities() -> None:
    """214 is info, other 2xx are warnings, 1xx errors."""
    assert found(arc("data.x"), arc("not data.x")) == [(214, "info")]
    assert found(arc("data.x")) == [(210, "warning")]


def test_did_you_mean() -> None:
    """An unknown key comes with the nearest known one."""
    (finding,) = check({"states": [{**A, "functons": {}}, B], "arcs": [arc()]})
    assert finding.code == 100 and "functions" in finding.hint and finding.mark.pointer == "/states/0/functons"


def test_ref_of_a_safe_document_is_info() -> None:
    """Without functions a safe document's ref is left to a worker file."""
    machine = {"states": [{**A, "functions": {"transform": {"ref": "geo"}}}, B], "arcs": [arc()]}
    assert [(f.code, f.severity) for f in check(machine, trusted=False) if f.code < 900 and f.code != 420] == [(111, "info")]
    assert [(f.code, f.severity) for f in check(machine, trusted=False, functions={}) if f.code == 111] == [(111, "error")]
    assert [f.code for f in check(machine, functions={"geo": dict})] == [900, 420]


def test_check_does_not_raise() -> None:
    """A file that cannot be read is a finding too."""
    assert [f.code for f in check("no/such/file.yaml")] == [100]


def test_two_hundred_states_in_a_second() -> None:
    """A long machine is checked while its author waits."""
    states = [{"name": f"s{i}", "is_start": i == 0, "set": {f"f{i % 20}": "=data.a * 2", "n": "=to_int(data.n)"}} for i in range(200)]
    arcs = [{"from": f"s{i}", "to": f"s{i + 1}" if i < 199 else "end", "condition": "data.n > 3"} for i in range(200)]
    arcs += [{"from": f"s{i}", "to": "end", "else": True} for i in range(200)]
    machine = load({"states": [*states, {"name": "end", "is_end": True}], "arcs": arcs})
    before = time.process_time()
    findings = machine.check()
    assert time.process_time() - before < 1 and {f.code for f in findings} == {900}


@pytest.mark.parametrize(("text", "hint"), [
    ("a: {b: len(x, []) == 0}", "quotes"), ("a: b: c", "colon"), ("a:\n\t- b", "tabs"), ("a:\n  b: 1\n c: 2", "indentation"), ("a: 'x", "never closed"),
    ("a: %x", "sign"), ("a: *x", "begins with *"),
])
def test_yaml_that_cannot_be_read_has_a_hint(text: str, hint: str) -> None:
    """Its own words are about tokens; what to do is said in others."""
    (finding,) = read_text(text, "m.yaml").findings
    assert finding.code == 106 and hint in finding.hint


def test_a_comma_in_braces_has_a_hint() -> None:
    """What a flow mapping makes of an unquoted call."""
    document = read_text("states: [{name: a, is_start: true, set: {x: =coalesce(data.x, 0)}}, {name: b, is_end: true}]\narcs: [{from: a, to: b}]", "m.yaml")
    assert {(f.code, "quotes around the whole" in f.hint) for f in check_document(document) if f.severity == "error"} == {(106, True)}


def test_a_state_that_leads_to_itself_on_a_larger_ring_is_one_ring() -> None:
    """A loop of one state inside of a larger cycle is no cycle of its own, and no empty one."""
    assert rings({"a": {"b"}, "b": {"b", "a"}, "c": {"c"}}) in ([{"a", "b"}, {"c"}], [{"c"}, {"a", "b"}])
