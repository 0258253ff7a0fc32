"""Fan-outs whose children walk on as they are made, catches that cost nothing where nothing is caught, what is read before the walk."""

from __future__ import annotations

from typing import Any

import pytest

import fsm_core
from fsm_core.engine.machine import Machine


def baskets(**lines: Any) -> Machine:
    """A state that fans out into lines, after one that writes into the record."""
    return fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True, "set": {"rate": "=data.rate * 2"}},
        {"name": "lines", "fan_out": [{"=for": "l in data.lines", "=if": "l.qty != 0", "id": "=data.id", "net": "=l.qty * data.rate"}], **lines},
        {"name": "output", "is_end": True}, {"name": "rejected", "is_end": True, "outcome": "error"},
        {"name": "kept", "is_end": True, "route": "kept", "set": {"why": "=state.error.message"}}],
        "arcs": [{"from": "in", "to": "lines"}, {"from": "lines", "to": "output", "condition": "data.net < 100"}, {"from": "lines", "to": "rejected", "else": True}]})


def same(machine: Machine, *values: bytes) -> list[bytes]:
    """The outputs, which both engines agree on in all that they say."""
    result = machine.run(values, now=1.0)
    assert result == machine.run_interpreted(values, now=1.0)
    return [row[2] for row in result.rows]


def test_children_are_no_objects_of_their_own() -> None:
    """One is written where it leaves and nowhere else; a record whose children walk through needs no interpreter."""
    machine = baskets(on_error="kept")
    assert (machine.source or "").count("'net':") == 1
    assert "append({" not in (machine.source or "append({")
    machine._interpreter = None  # type: ignore[assignment]  # whoever goes there fails
    assert [row[2] for row in machine.run([b'{"id":1,"rate":1,"lines":[{"qty":2},{"qty":0},{"qty":3}]}']).rows] == [
        b'{"id":1,"net":4}', b'{"id":1,"net":6}']


@pytest.mark.parametrize("lines", ["3", "null", '[{"qty":2},{}]', '[{"qty":2},3]', '[{"qty":2},{"qty":"x"},{"qty":[]}]', '[{"qty":2},{"qty":1e308},{"qty":"1"}]',
                                   '{"qty":1}', '"ab"', "[]", '[{"qty":0}]'])
def test_a_child_that_cannot_be_made_takes_the_others_with_it(lines: str) -> None:
    """The record is caught as it came into the state, once, and no child of it is seen or counted; what is next is not touched by it."""
    value = f'{{"id":1,"rate":3,"lines":{lines}}}'.encode()
    good = b'{"id":2,"rate":1,"lines":[{"qty":1}]}'
    for machine in (baskets(on_error="kept"), baskets(), baskets(catch=[{"errors": ["KeyError"], "to": "kept"}])):
        assert same(machine, good, value, good).count(b'{"id":2,"net":2}') == 2
    assert same(baskets(on_error="kept"), b'{"id":1,"rate":1,"lines":[{"qty":2},{}]}') == [
        b'{"id":1,"rate":2,"lines":[{"qty":2},{}],"why":"field \'qty\' is missing"}']


def test_a_child_that_is_rejected_takes_the_others_with_it() -> None:
    """One failure, of the first such child; nothing is counted twice."""
    assert same(baskets(on_error="kept"), b'{"id":1,"rate":1,"lines":[{"qty":1},{"qty":60},{"qty":2}]}') == []


def test_children_are_all_made_first_where_code_could_tell() -> None:
    """An author's function that changes what it was given would be seen by the children after it."""
    change = "def f(state):\n    state.data['l']['qty'] = 7\n    return {'n': state.data['first']}\n"
    machine = fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True, "fan_out": [{"=for": "l in data.lines", "l": "=l", "first": "=data.lines[0].qty"}]},
        {"name": "change", "functions": {"transform": change}}, {"name": "output", "is_end": True}],
        "arcs": [{"from": "in", "to": "change"}, {"from": "change", "to": "output"}]})
    assert same(machine, b'{"lines":[{"qty":1},{"qty":2}]}') == [b'{"n":1}', b'{"n":1}']


def test_a_catch_copies_nothing_until_it_catches() -> None:
    """A record goes through states with catches as a map of locals; one that its only `require` refuses needs no interpreter."""
    machine = fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True, "set": {"a": "=data.v"}, "on_error": "rejected"},
        {"name": "b", "require": [{"condition": "data.a > 0", "message": "none"}], "set": {"a": "=data.a + 1"}, "on_error": "kept"},
        {"name": "c", "functions": {"transform": "lambda state: {'a': state.data['a']}"}, "on_error": "kept"},
        {"name": "output", "is_end": True}, {"name": "rejected", "is_end": True},
        {"name": "kept", "is_end": True, "set": {"why": "=state.error.message", "step": "=state.error.function"}}],
        "arcs": [{"from": "in", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "output"}]})
    same(machine, b'{"v":1}', b'{"v":0}', b'{"v":"x"}', b"{}", b'{"a":{},"v":null}')
    machine._interpreter = None  # type: ignore[assignment]  # whoever goes there fails
    assert [row[2] for row in machine.run([b'{"v":1}', b'{"v":0,"w":1}']).rows] == [b'{"a":2}', b'{"v":0,"w":1,"a":0,"why":"none","step":"require"}']


def test_a_let_that_holds_the_record_holds_it_as_it_was() -> None:
    """What is written afterwards is no part of it."""
    machine = fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True}, {"name": "output", "is_end": True, "let": {"old": "=data"}, "set": {"a": 1}, "key": "=text(old)"}],
        "arcs": [{"from": "in", "to": "output"}]})
    assert same(machine, b'{"v":1}') == [b'{"v":1,"a":1}']
    assert machine.run([b'{"v":1}']).rows[0][3] == b'{"v":1}'


def test_schema_and_exact_numbers_are_compiled() -> None:
    """What the schema refuses, and what only the exact encoder writes, is settled by the interpreter; the rest never goes there."""
    pytest.importorskip("jsonschema_rs", reason="the virtual environment is older than the lock: make setup")
    machine = fsm_core.load({"name": "m", "numbers": "exact", "input_schema": {"required": ["id"]}, "states": [
        {"name": "in", "is_start": True, "set": {"n": "=data.id * 2"}}, {"name": "output", "is_end": True}], "arcs": [{"from": "in", "to": "output"}]})
    big = 10**30
    assert same(machine, b'{"id":1}', b"{}", b'{"id":%d}' % big) == [b'{"id":1,"n":2}', b'{"id":%d,"n":%d}' % (big, 2 * big)]
    machine._interpreter = None  # type: ignore[assignment]  # whoever goes there fails
    assert len(machine.run([b'{"id":1}']).rows) == 1
