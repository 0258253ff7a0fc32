"""Updates in place mean what copies mean: order of evaluation, keys, numbers that overflow, records that are kept."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import fsm_core
from tests.effort import examples

FIELDS = "abc"
field = st.sampled_from(FIELDS)
read = field.map(lambda n: f"state.data[{n!r}]")
number = st.one_of(read, st.sampled_from(["2", "1e300", "0.5"]))
value = st.one_of(
    read, st.tuples(number, st.sampled_from("+-*"), number).map(" ".join), read.map(lambda r: f"round({r} * 1e10, 2)"),
    read.map(lambda r: f"'x' if {r} > 1 else {r} * 1e200"), st.sampled_from(["state.data", "list(state.data)", "None", "1"]))
updates = st.lists(st.tuples(field, value), min_size=1, max_size=3).map(
    lambda items: "lambda state: {**state.data, " + ", ".join(f"{n!r}: {v}" for n, v in items) + "}")
kept = st.sampled_from([
    "lambda state: state.data if state.context.setdefault('old', state.data) else state.data",
    "lambda data, context: {'old': context.get('old'), **data}"])
steps = st.lists(st.one_of(updates, updates, kept), min_size=1, max_size=4)
records = st.fixed_dictionaries({n: st.sampled_from([0, 1, 2, 3, 1e300, 1e308, "t"]) for n in FIELDS})


@settings(max_examples=examples(200), deadline=None)
@given(steps, st.lists(records, min_size=1, max_size=3), st.booleans())
def test_updates_in_place_mean_what_copies_mean(codes: list[str], given_records: list[dict[str, Any]],
                                                keeping: bool) -> None:
    """A row of states that update the record gives the interpreter's bytes."""
    names = [f"s{i}" for i in range(len(codes))]
    states = [{"name": n, "functions": {"transform": code}} for n, code in zip(names, codes, strict=True)]
    states[0]["is_start"] = True
    keeper = {"condition": "lambda data, context: context.setdefault('old', data) is not None"} if keeping else {}
    machine = fsm_core.load({
        "name": "m", "states": [*states, {"name": "output", "is_end": True}],
        "arcs": [{"from": a, "to": b, **keeper} for a, b in zip(names, [*names[1:], "output"], strict=True)]})
    assert machine.source is not None
    values = [json.dumps(r).encode() for r in given_records]
    assert machine.run(values, now=1.0) == machine.run_interpreted(values, now=1.0)
