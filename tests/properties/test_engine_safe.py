"""Compiled code answers what the interpreter answers in safe machines too, guards and all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fsm_core
from tests.effort import examples
from tests.properties.machines import FIELDS, record

atom = st.sampled_from(["1", "2.5", "'x'", "None", "[1]", *(f"data['{n}']" for n in FIELDS), "data.a", "data.get('b', 3)",
                        "coalesce(data.c, 2)", "has(data.d)", "to_int(data.a, 0)", "text(data.b)", "params.rate"])


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from("+ * - / % << ** < == and or".split()), inner)
    return st.one_of(binary.map(lambda t: f"({t[0]} {t[1]} {t[2]})"), st.tuples(inner, inner).map(lambda t: f"[{t[0]}, {t[1]}]"),
                     st.tuples(inner, inner, inner).map(lambda t: f"case({t[0]}, {t[1]}, {t[2]})"),
                     inner.map(lambda e: f"round({e}, 2)"), inner.map(lambda e: f"[q for q in ({e})]"),
                     inner.map(lambda e: f"str({e}).replace('1', 'zz')"))


formula = st.recursive(atom, _compound, max_leaves=5)


@st.composite
def safe_machines(draw: st.DrawFn) -> dict[str, Any]:
    """Two states in a row that set fields, and a fork."""
    lines = st.dictionaries(st.sampled_from(["a", "b", "n.m"]), formula.map(lambda f: f"={f}"), max_size=3)
    return {"name": "safe", "params": {"rate": 1.5}, "states": [
        {"name": "in", "is_start": True, "set": draw(lines)}, {"name": "next", "set": draw(lines)},
        {"name": "output", "is_end": True}, {"name": "rejected", "is_end": True, "outcome": "error"}],
        "arcs": [{"from": "in", "to": "next", "condition": draw(formula)}, {"from": "in", "to": "rejected", "else": True},
                 {"from": "next", "to": "output"}]}


@settings(max_examples=examples(50), deadline=None, suppress_health_check=list(HealthCheck))
@given(safe_machines(), st.lists(record, min_size=1, max_size=5))
def test_safe_machines_compile_to_what_they_mean(document: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Whole results are equal; no hostile record gets out of the batch as an exception."""
    machine = fsm_core.load(document, trusted=False)
    assert machine.source is not None
    values = [json.dumps(r).encode() for r in records]
    assert machine.run(values, now=1.0) == machine.run_interpreted(values, now=1.0)
