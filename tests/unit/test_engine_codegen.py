"""What the generated function looks like, and when there is none."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import fsm_core


def document(transform: Any, condition: str | None = None) -> dict[str, Any]:
    arc: dict[str, Any] = {"from": "in", "to": "output"}
    if condition:
        arc["condition"] = condition
    return {"name": "m", "states": [{"name": "in", "is_start": True, "functions": {"transform": transform}},
                                    {"name": "output", "is_end": True}], "arcs": [arc]}


SEED = [{"name": "check", "functions": {"transform": "lambda state: {**state.data, 'valid': state.data.get('v') is not None and state.data.get('v') >= 0}"}},
        {"name": "enrich", "functions": {"transform": "lambda state: {'id': state.data['id'], 'old': state.data['v'], 'square': state.data['v'] ** 2, 'status': 'new'}"}},
        {"name": "rate", "functions": {"transform": "lambda state: {**state.data, 'status': 'done', 'risk': min(100, state.data['square'] / 100)}"}}]


def test_a_record_is_a_map_of_locals_until_it_leaves() -> None:
    """Dicts in between are not built, each field is read once, dead fields are gone, and nothing goes to the interpreter."""
    machine = fsm_core.load({"name": "m", "states": [{"name": "in", "is_start": True}, *SEED, {"name": "output", "is_end": True}, {"name": "error", "is_end": True}], "arcs": [
        {"from": "in", "to": "check"}, {"from": "check", "to": "enrich", "condition": "lambda state: state.data.get('valid', True)"},
        {"from": "check", "to": "error", "condition": "lambda state: not state.data.get('valid', True)"}, {"from": "enrich", "to": "rate"}, {"from": "rate", "to": "output"}]})
    source = machine.source or ""
    assert source.count("'id':") == source.count("_d.get('v')") == source.count("_d['v']") == 1
    assert "'new'" not in source
    assert "'valid'" not in source
    assert "null" not in source
    machine._interpreter = None  # type: ignore[assignment]  # whoever goes there fails
    assert [row[2] for row in machine.run([b'{"id":1,"v":3}', b'{"v":-1}']).rows] == [b'{"id":1,"old":3,"square":9,"status":"done","risk":0.09}']


def test_a_read_that_may_not_happen_does_not_move_ahead() -> None:
    """A record without an optional field is not left to the interpreter for it."""
    for code in ["'b' in state.data and state.data['b']", "state.data['b'] if 'b' in state.data else 0", "0 < state.data['a'] - 1 < state.data['b']",
                 "1 if 'b' not in state.data else (state.data['b'] and 2)", "[state.data['b'] for i in []]"]:
        machine = fsm_core.load(document(f"lambda state: {{**state.data, 'k': {code}}}"))
        machine._interpreter = None  # type: ignore[assignment]  # whoever goes there fails
        assert len(machine.run([b'{"a":1}']).rows) == 1


def test_an_update_copies_nothing() -> None:
    """`{**state.data, …}` changes the decoded dict in place."""
    source = fsm_core.load(document("lambda state: {**state.data, 'k': 1}")).source
    assert source is not None
    assert "_d['k'] = 1" in source
    assert "**" not in source


def test_finite_paths_are_not_searched_for_null() -> None:
    """Where no NaN can arise nothing looks for one; where one can, something does."""
    safe = fsm_core.load(document("lambda state: {**state.data, 'k': round(state.data['v'] * 1.5, 2)}")).source
    other = fsm_core.load(document("lambda state: {**state.data, 'k': [state.data['v'] * 2]}")).source
    assert "null" not in (safe or "")
    assert "null" in (other or "")


def test_a_record_that_escaped_is_copied() -> None:
    """Code that is called as it is may keep the record, so the next update makes a new one."""
    kept = "def f(state):\n    state.context['old'] = state.data\n    return state.data\n"
    doc = document(kept)
    doc["states"].insert(1, {"name": "b", "set": {"a": 2}})
    doc["states"].insert(2, {"name": "c", "functions": {"transform": "lambda data, context: {'old': context['old'], 'new': data}"}})
    doc["arcs"] = [{"from": "in", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "output"}]
    assert fsm_core.load(doc).run([b'{"a":1}']).rows[0][2] == b'{"old":{"a":1},"new":{"a":2}}'


def test_functions_of_the_host_run_once_by_the_interpreter() -> None:
    """A machine with a function of the host is not compiled: a re-run would call it twice."""
    calls: list[Any] = []

    def count(data: dict[str, Any]) -> dict[str, Any]:
        calls.append(data)
        raise ValueError("no")
    machine = fsm_core.load(document(count))
    assert machine.source is None
    assert machine.run([b"{}"]).failures[0][1].message == "no"
    assert len(calls) == 1


ROWS = [
    ["{'k': state.data, 'a': 1}", "{**state.data, 'n': len(state.data), 'm': state.data['k']}", "{'m': state.data['m'], 'n': state.data['n']}"],
    ["{**state.data, 'k': state.data}", "{**state.data, 'a': 5}"],
    ["{**state.data, 'v': [state.data['v']]}", "{**state.data, 'n': len(state.data)}", "{'a': state.data['v'], 'b': state.data.get('v')}"],
    ["{'w': 'a\\\\b'}", "{**state.data, 'b': f\"<{state.data['w']}>\"}"],
    ["{**state.data, 'k': state.data, 'v': 5}", "{**state.data, 'n': len(state.data)}", "{'z': state.data['k']['v']}"],
    ["{'x': state.data}", "state.data['x']", "{**state.data, 'b': 1}"],
    ["{**state.data, 'v': 2, 'a': 1}", "{**state.data, 'v': 3, 'b': state.data['v']}", "{'z': 0, **state.data, 'a': 4}"],
    ["{'l': [], 'm': {}}", "{'x': state.data['l'], 'y': state.data['l'], 'z': state.data['m']}", "{**state.data, 'x': state.data['x'] is state.data['y']}"],
    ["{**state.data, 'w': state.data.get('w', state.data['none'])}"],
    ["{'a': 1}", "{**state.data, 'b': state.data.get('a', state.data['none'])}"],
    ["{'a': 1}", "{'b': 'a' in state.data, 'c': 'v' in state.data, 'd': 'v' not in state.data, 'e': state.data.get('v'), 'f': state.data.get('v', 3)}"],
    ["{'a': 1}", "{'b': state.data['v']}"],
    ["{**state.data, 'b': 1 if state.data.get('none') is None else state.data['none']}"],
    ["{**state.data, 'b': state.data.get('none') is None or state.data['none']}", "{**state.data, 'c': state.data['none']}"],
    ["{'a': 'it\\'s \\n \"q\"'}", "{'b': f\"<{state.data['a']}>\"}"],
    ["{'e': enumerate([1, 2])}", "{'a': min(sum(x for _i, x in state.data['e']), len(list(state.data['e'])))}"],
    ["{'e': enumerate([1, 2])}", "{'a': min(len(list(state.data['e'])), len(list(state.data['e'])) + 1)}"],
    ["{**state.data, 'a': state.data['v'] * 1e308 * 10}", "{'b': min(100, state.data['a'])}"],
    ["{'a': 1e999}", "{'b': state.data['a']}"], ["{'a': state.data['v'] / 1e-308}"], ["{'a': (state.data['v'] + 0.5) ** 2, 'b': True ** 2, 'c': 3 ** 2}"],
    ["{'c': state.data['v'], 'a': [0 for state.data['v'] in (3, 4)], 'b': state.data['v']}"], ["{'a': state.data['v'] ** 2 > 1}"],
    ["state.data['v']"], ["[state.data]"], ["params", "{**state.data, 'a': len(params)}"],
    ["{'a': state.data.pop('v'), **state.data}"],
    ["{'n': 1000}", "{'a': state.data['n'] is 1000}"], ["{1: 2}", "{**state.data, 'a': 1}", "{'b': len(state.data)}"],
]


@pytest.mark.parametrize("codes", ROWS)
def test_a_row_of_dicts_is_what_the_interpreter_makes_of_it(codes: list[str]) -> None:
    """Order of keys, what is shared, what is missing, what is read before it is written, what is no JSON."""
    states: list[dict[str, Any]] = [{"name": f"s{i}", "functions": {"transform": f"lambda state: {code}"}} for i, code in enumerate(codes)]
    states[0]["is_start"] = True
    names = [state["name"] for state in states] + ["output"]
    machine = fsm_core.load({"name": "m", "states": [*states, {"name": "output", "is_end": True}],
                             "arcs": [{"from": a, "to": b} for a, b in pairwise(names)]})
    values = [b'{"v":7,"w":null}', b'{"v":0.1}', b'{"a":2,"v":true}', b'{"v":1e200}']
    assert machine.source is not None
    assert machine.run(values, now=1.0) == machine.run_interpreted(values, now=1.0)


def test_what_a_call_returns_may_hold_a_nan() -> None:
    """A field of a record that code made is looked at where it leaves, under whatever name."""
    doc = document("def f(state):\n    return {'n': float('nan'), 'v': 1}\n")
    doc["states"].insert(1, {"name": "b", "functions": {"transform": "lambda state: {'m': state.data['n']}"}})
    doc["states"].insert(2, {"name": "c", "set": {"x.y": "=data.m", "z": 1}})
    doc["states"].insert(3, {"name": "d", "functions": {"transform": "lambda state: {'x': state.data['x']}"}})
    doc["arcs"] = [{"from": "in", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "d"}, {"from": "d", "to": "output"}]
    assert fsm_core.load(doc).run([b"{}"]).failures[0][1].reason == "unencodable"


def test_rules_look_at_the_record_as_it_is() -> None:
    """A field that was there before, and is there no longer, is missing."""
    doc = document("lambda state: {'b': 1}")
    doc["states"].insert(1, {"name": "b", "functions": {"validate": {"required": ["a"]}}})
    doc["arcs"] = [{"from": "in", "to": "b"}, {"from": "b", "to": "output"}]
    assert fsm_core.load(doc).run([b'{"a":1}']).failures[0][1].message == "a is required"


def test_conditions_after_one_that_is_called_see_what_it_left() -> None:
    """A called condition may put another record in place, and the next one reads that."""
    doc = document("lambda state: {**state.data, 'a': 1}", "def f(state):\n    state.data = {'a': 2}\n    return False\n")
    doc["states"].append({"name": "error", "is_end": True})
    doc["arcs"] += [{"from": "in", "to": "error", "condition": "lambda state: state.data['a'] == 1"}, {"from": "in", "to": "output", "else": True}]
    machine = fsm_core.load(doc)
    assert machine.run([b"{}"]) == machine.run_interpreted([b"{}"])
    assert [row[2] for row in machine.run([b"{}"]).rows] == [b'{"a":2}']


def test_the_first_of_equals_is_taken() -> None:
    """`min` and `max` of two keep the type and the order of equals that Python keeps."""
    code = "lambda state: {'a': min(1, state.data['v']), 'b': min(state.data['v'], 1), 'c': max(1, state.data['v']), 'd': max(state.data['v'], 1)}"
    machine = fsm_core.load(document(code))
    assert "min(" not in (machine.source or "min(")
    assert machine.run([b'{"v":1.0}']).rows[0][2] == b'{"a":1,"b":1.0,"c":1,"d":1.0}'
