"""A machine's own tests: how they are written, run, and reported by `check` and `test`."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fsm_core import DocumentError, Meta, check, load
from fsm_core.casebook import CaseResult, parse_cases, run_tests, untaken_arcs
from fsm_core.casebook.matching import differ
from fsm_core.definition import Arc, Definition, Network, Switch, Way
from fsm_core.document import load_document
from fsm_core.expressions import parse_code
from worker.cli.app import app
from worker.cli.exit_codes import Exit

DEMO = str(files("worker.demo") / "machine.yaml")
STATES: list[dict[str, Any]] = [
    {"name": "in", "is_start": True, "functions": {"validate": {"required": ["n"]}}},
    {"name": "doubled", "set": {"n": "=data.n * params.by", "at": "=state.now", "who": "=state.meta.topic"}},
    {"name": "out", "is_end": True, "key": "=data.n", "headers": {"why": "=data.n > 2"}},
    {"name": "side", "is_end": True, "route": "side"},
    {"name": "gone", "is_end": True, "outcome": "drop", "reason": "small"},
    {"name": "bad", "is_end": True, "outcome": "error"}, {"name": "keyless", "is_end": True, "key": "=[1]"},
]
ARCS: list[dict[str, Any]] = [
    {"from": "in", "to": "gone", "condition": "data.n == 0"}, {"from": "in", "to": "bad", "condition": "data.n < 0"},
    {"from": "in", "to": "keyless", "condition": "data.n == 13"}, {"from": "in", "to": "doubled", "else": True},
    {"from": "doubled", "to": "side", "condition": "data.n > 100"}, {"from": "doubled", "to": "out", "else": True},
]


def machine(*tests: Any) -> dict[str, Any]:
    """A small machine with these tests."""
    return {"params": {"by": 2}, "states": STATES, "arcs": ARCS, "tests": list(tests)}


def outcome(given: dict[str, Any], expect: dict[str, Any], **more: Any) -> list[str]:
    """The mismatches of one test."""
    (result,) = run_tests(load(machine({"given": given, "expect": expect, **more}), trusted=False))
    assert result.passed == (not result.mismatches)
    return [m.where for m in result.mismatches]


@pytest.mark.parametrize(("given", "expect", "more"), [
    ({"n": 2}, {"state": "out", "data": {"n": 4, "at": 1767225600}, "absent": ["x"], "route": None, "key": 4, "headers": {"why": True}}, {}),
    ({"n": 2}, {"outputs": [{"route": None, "key": "4", "value": {"n": 4.0}}]}, {}), ({"n": 0}, {"state": "gone", "reason": "small", "outputs": []}, {}),
    ({"n": 60}, {"state": "side", "route": "side", "key": "k", "headers": {"h": "1"}}, {"meta": {"key": "k", "headers": {"h": "1"}}}),
    ({"n": -1}, {"state": "bad", "reason": "rejected"}, {}), ({"n": -1}, {"state": "bad"}, {}), ({}, {"state": "in", "message": "n"}, {}),
    ({"n": 13}, {"state": "keyless", "reason": "undeliverable"}, {}), ({"n": 2}, {"data": {"n": 6}}, {"params": {"by": 3}}),
    ({"n": 2}, {"data": {"at": 60, "who": "t"}}, {"now": "1970-01-01T00:01:00Z", "meta": {"topic": "t"}}), ({"n": 2}, {"data": {"at": 7}}, {"now": 7}),
])
def test_what_holds(given: dict[str, Any], expect: dict[str, Any], more: dict[str, Any]) -> None:
    """Everything that a test may expect, where it is so."""
    assert outcome(given, expect, **more) == []


@pytest.mark.parametrize(("given", "expect", "where"), [
    ({"n": 2}, {"state": "side", "reason": "x", "data": {"n": 5}}, ["state", "reason", "data.n"]), ({"n": 2}, {"absent": ["n"]}, ["data.n"]),
    ({"n": 2}, {"message": "x"}, ["message"]), ({"n": 0}, {"route": None}, ["route"]), ({"n": 2}, {"key": "5"}, ["key"]),
    ({"n": 2}, {"headers": {"why": False}}, ["headers.why"]), ({"n": 2}, {"outputs": []}, ["outputs"]),
    ({}, {"data": {}}, ["failure"]), ({"n": 13}, {"state": "keyless"}, ["failure"]), ({"n": 13}, {"data": {"n": 13}}, ["failure"]),
])
def test_what_does_not_hold(given: dict[str, Any], expect: dict[str, Any], where: list[str]) -> None:
    """Each mismatch is named; a failure that a test does not speak of fails it."""
    assert outcome(given, expect) == where


@pytest.mark.parametrize(("expected", "came", "same"), [
    (1, 1.0, True), (True, 1, False), (1, True, False), (0, False, False), ({"a": 1}, {"a": 1, "b": 2}, True), ({"a": 1}, {}, False), ([1], [1, 2], False),
    ([{"a": 1}], [{"a": 1, "b": 2}], True), ({}, [], False), ([], {}, False), (None, None, True), ({"a": None}, {}, False), ("1", 1, False),
])
def test_matching(expected: Any, came: Any, same: bool) -> None:
    """Subset by keys, lists element by element, numbers by value, true is not 1."""
    assert (not list(differ("data", expected, came))) == same


@pytest.mark.parametrize(("written", "code", "hint"), [
    ({"gven": {}, "expect": {"state": "out"}}, 100, "given"), ({"expect": {"sate": "out"}}, 100, "state"), ({"expect": {}}, 112, "state"),
    ({"calls": {"geo": {"retrun": 1}}, "expect": {"state": "out"}}, 100, "did you mean `return`?"), ({"now": "soon", "expect": {"state": "out"}}, 112, ""),
    ({"meta": {"topc": "t"}, "expect": {"state": "out"}}, 100, "topic"), ({"params": {"x": 1}, "expect": {"state": "out"}}, 110, "params"),
    ({"given": {"n": float("inf")}, "expect": {"state": "out"}}, 117, "quote"), ({"given": 3, "expect": {"state": "out"}}, 100, ""),
    ({"table": {"columns": ["gven.n"], "rows": [[1]]}, "expect": {"state": "out"}}, 100, "given"),
    ({"table": {"columns": ["state"], "rows": [["out", 1]]}}, 112, ""), ({"table": {"columns": ["state.x"], "rows": [["out"]]}}, 112, ""),
    ({"table": {"columns": [], "rows": []}, "expect": {"state": "out"}}, 112, ""),
])
def test_what_is_written_wrongly(written: dict[str, Any], code: int, hint: str) -> None:
    """A key that means nothing, or is not built, is never passed over."""
    found = [f for f in check(machine(written)) if f.severity == "error"]
    assert [f.code for f in found][:1] == [code] and hint in found[0].hint
    with pytest.raises(DocumentError):
        run_tests(load(machine(written)))


def test_a_table_is_a_test_per_row() -> None:
    """Over the shared given; a short row expects less."""
    table = {"columns": ["given.n", "state", "data.n"], "rows": [[2, "out", 4], [3, "out", 7], [60, "side"]]}
    cases, findings = parse_cases(load_document(machine({"name": "t", "given": {"x": 1}, "table": table, "meta": {"key": "k"}})))
    assert findings == [] and [c.name for c in cases] == ["t, row 1", "t, row 2", "t, row 3"]
    assert cases[2].given == {"x": 1, "n": 60} and cases[2].expect == {"state": "side"} and cases[2].meta == Meta(key="k")
    assert cases[1].mark.pointer == "/tests/0/table/rows/1"
    assert [r.passed for r in run_tests(load(machine()), cases)] == [True, False, True]


def test_a_test_of_exact_numbers_sees_them() -> None:
    """As the worker reads them: data and outputs alike."""
    test = {"given": {"n": 10**24}, "params": {"by": 1}, "expect": {"data": {"n": 10**24}, "outputs": [{"value": {"n": 10**24}}]}}
    states = [STATES[0], {"name": "out", "is_end": True}]
    document = {**machine(test), "numbers": "exact", "states": states, "arcs": [{"from": "in", "to": "out"}]}
    (result,) = run_tests(load(document))
    assert result.passed, result.lines()


def test_arcs_that_no_test_takes() -> None:
    """Coverage is by the ways that records took."""
    loaded = load(machine({"given": {"n": 2}, "expect": {"state": "out"}}))
    assert [a.name for a in untaken_arcs(loaded.definition, run_tests(loaded))] == ["in->gone", "in->bad", "in->keyless", "doubled->side"]


def test_check_runs_the_tests() -> None:
    """A failed test is an error at its place, an untaken arc info; without tests there is nothing to say."""
    found = [f for f in check(machine({"name": "t", "given": {}, "expect": {"state": "out"}})) if f.code == 500]
    (error,) = [f for f in found if f.severity == "error"]
    assert error.mark.pointer == "/tests/0" and "'t' failed" in error.message and "the record failed: validate" in error.message
    assert [f.severity for f in found].count("info") == len(ARCS)
    assert not [f for f in check(machine()) if f.code == 500]


def test_a_function_without_calls_fails_the_test() -> None:
    """A safe document whose functions a worker file gives: a test that has no `calls` for one fails."""
    document = machine({"given": {"n": 1}, "expect": {"state": "out"}})
    document["states"] = [{**STATES[0], "functions": {"transform": {"ref": "geo"}}}, *STATES[1:]]
    assert {(f.code, f.severity) for f in check(document, trusted=False)} >= {(111, "info"), (500, "error")}


@pytest.mark.parametrize(("calls", "expect", "passed"), [
    ({"geo": {"return": {"n": 7}}}, {"state": "out", "data": {"n": 14}}, True),
    ({"geo": {"raise": "TimeoutError"}}, {"state": "in", "reason": "transform"}, True),
    ({"geo": {"raise": "QuotaError"}}, {"message": "QuotaError"}, True),
    ({}, {"state": "out"}, False), ({"other": {"return": {}}}, {"state": "in", "reason": "transform"}, False)])
def test_calls_answer_for_functions_that_wait(calls: Any, expect: Any, passed: bool) -> None:
    """Returned or raised by name; a function that waits is never called by a test, and without an answer the test fails."""
    async def later(state: Any) -> Any:
        raise AssertionError("called")

    document = machine({"given": {"n": 1}, "calls": calls, "expect": expect})
    document["states"] = [{**STATES[0], "functions": {"transform": {"ref": "geo"}}}, *STATES[1:]]
    (result,) = run_tests(load(document, functions={"geo": later}))
    assert result.passed is passed, result.lines()
    assert passed or "no `calls` entry for geo" in result.lines()[0]


def test_the_ways_of_a_switch_and_a_push_are_arcs_to_take() -> None:
    """Coverage counts each state that a switch may lead to, and a pushed network by its start."""
    where = parse_code("data.type")
    arc = Arc("in", "", switch=Switch(where, {"a": Way("one"), "b": Way("out", "n"), "c": Way("one")}, Way("two")))
    definition = Definition("m", "", "", "in", {}, (arc,), True, networks={"n": Network("n", "n/start")})
    taken = [CaseResult("t", (), arcs=frozenset([("in", "two")]))]
    assert [one.name for one in untaken_arcs(definition, taken)] == ["in->one", "in->n/start"]


def test_the_verb(tmp_path: Path) -> None:
    """Exit 0 where all pass, 1 where one fails or the document is bad; `--param` and `--json`."""
    done = CliRunner().invoke(app, ["test", DEMO, "--json"])
    answer = json.loads(done.stdout)
    assert done.exit_code == Exit.OK and answer["ok"] and answer["machines"][0]["untaken"] == []
    one = tmp_path / "m.json"
    one.write_text(json.dumps(machine({"name": "t", "given": {"n": 2}, "expect": {"data": {"n": 6}}})))
    failed = CliRunner().invoke(app, ["test", DEMO, str(one)])
    assert failed.exit_code == Exit.ERRORS and "data.n: expected 6, came 4" in failed.stdout and "FAIL  t" in failed.stdout
    assert CliRunner().invoke(app, ["test", str(one), "--param", "by=3"]).exit_code == Exit.OK
    one.write_text(json.dumps(machine({"expct": {}})))
    bad = CliRunner().invoke(app, ["test", str(one)])
    assert (bad.exit_code, bad.stdout) == (Exit.ERRORS, "") and "unknown key `expct`" in bad.stderr


def test_the_verb_counts_the_ways_that_a_test_could_take() -> None:
    """A switch counts each state that it leads to, so that none is missed that was not counted."""
    job = Path(__file__).parents[2] / "examples" / "jobs" / "events.yaml"
    assert "tests take 7 of 7 arcs" in CliRunner().invoke(app, ["test", str(job)]).stdout


@pytest.mark.parametrize("expect, hint", [
    ({"outcome": "drop"}, "did you mean `state`?"), ({"outputs": [{"data": {"n": 1}}]}, "did you mean `value`?"),
    ({"outputs": [{"state": "out"}]}, "one of route, key, headers, value"),
])
def test_a_key_that_tests_do_not_know_comes_with_those_they_do(expect: dict[str, Any], hint: str) -> None:
    """Where no letter tells what was meant, the few that there are."""
    _, findings = parse_cases(load_document(machine({"given": {"n": 1}, "expect": expect})))
    assert [(f.code, f.hint) for f in findings] == [(100, hint)]
