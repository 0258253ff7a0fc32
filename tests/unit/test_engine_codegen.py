"""What the generated function looks like, and when there is none."""

from __future__ import annotations

from typing import Any

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


def test_the_first_of_equals_is_taken() -> None:
    """`min` and `max` of two keep the type and the order of equals that Python keeps."""
    code = "lambda state: {'a': min(1, state.data['v']), 'b': min(state.data['v'], 1), 'c': max(1, state.data['v']), 'd': max(state.data['v'], 1)}"
    machine = fsm_core.load(document(code))
    assert "min(" not in (machine.source or "min(")
    assert machine.run([b'{"v":1.0}']).rows[0][2] == b'{"a":1,"b":1.0,"c":1,"d":1.0}'
