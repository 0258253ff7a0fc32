"""Guards written out, numbers read once and quick rounding give what the guards, the reads and `round` give."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fsm_core
from tests.effort import examples

number = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e6, 1e6), st.integers(-2**63, 2**64 - 1), st.integers(-9, 9),
                   st.integers(-10**9, 10**9).map(lambda n: n / 1000), st.integers(0, 10**6).map(lambda n: (2 * n + 1) / 200))
value: st.SearchStrategy[Any] = st.one_of(number, number, number, st.sampled_from([True, None, "t", [1], {}]))
records = st.lists(st.dictionaries(st.sampled_from("ab"), value), min_size=1, max_size=6)
atom = st.sampled_from(["data.a", "data.b", "data['a']", "data.get('b')", "data.get('a', 1)", "2", "0", "1.5", "'t'", "-3"])


def _compound(e: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(e, e)
    return st.one_of(
        st.tuples(e, st.sampled_from("+*%-/"), e).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), e.map(lambda x: f"({x} ** 2)"),
        two.map(lambda t: f"min({t[0]}, {t[1]})"), two.map(lambda t: f"max({t[0]}, {t[1]})"),
        e.map(lambda x: f"min(100, {x} / 100)"), e.map(lambda x: f"max({x} * 1e200, -5)"))


arithmetic = st.recursive(atom, _compound, max_leaves=5)
formula = st.one_of(arithmetic, arithmetic.map(lambda e: f"round({e} * 1.2, 2)"), arithmetic.map(lambda e: f"round({e}, 2)"), arithmetic.map(lambda e: f"[q * {e} for q in [1, {e}]]"))


def _test(field: str, rest: str) -> str:
    return f"isinstance(data.get('{field}'), (int, float)) and not isinstance(data.get('{field}'), bool){rest}"


condition = st.one_of(
    st.sampled_from("ab").map(lambda f: _test(f, "")), arithmetic.map(lambda e: _test("a", f" and {e} > 1")),
    arithmetic.map(lambda e: _test("a", f" and ({_test('b', '')} or {e})")), arithmetic)


@settings(max_examples=examples(75), deadline=None)
@given(st.lists(condition, min_size=2, max_size=2), st.lists(st.dictionaries(st.sampled_from("abc"), formula), min_size=3, max_size=3), records, st.booleans())
def test_inlined_is_interpreted(tests: list[str], sets: list[dict[str, str]], given_records: list[dict[str, Any]], trusted: bool) -> None:
    """Whole results are equal: rows, failures, ends and counts."""
    first, second, third = ({name: f"={f}" for name, f in lines.items()} for lines in sets)
    machine = fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True, "set": first}, {"name": "next", "set": second}, {"name": "last", "set": third},
        {"name": "output", "is_end": True}, {"name": "ignored", "is_end": True, "outcome": "drop"},
        {"name": "rejected", "is_end": True, "outcome": "error"}], "arcs": [
        {"from": "in", "to": "next", "condition": tests[0]}, {"from": "in", "to": "rejected", "else": True},
        {"from": "next", "to": "last", "condition": tests[1]}, {"from": "next", "to": "ignored", "else": True},
        {"from": "last", "to": "output"}]}, trusted=trusted)
    assert machine.source is not None
    values = [orjson.dumps(r) for r in given_records]
    assert machine.run(values, now=1.0) == machine.run_interpreted(values, now=1.0)


ROUND = fsm_core.load({"name": "m", "states": [
    {"name": "in", "is_start": True, "set": {"r": "=round(data.a * 1.0, 2)"}}, {"name": "output", "is_end": True}],
    "arcs": [{"from": "in", "to": "output"}]}, trusted=False)


@settings(max_examples=examples(500), deadline=None)
@given(number)
@example(-0.001)
@example(2.675)
@example(1e12)
@example(0.005)
def test_quick_rounding_is_rounding(given_number: float) -> None:
    """The digits of `round`, ties and negative zero too."""
    rows = ROUND.run([orjson.dumps({"a": given_number})]).rows
    assert rows[0][2] == orjson.dumps({"a": given_number, "r": round(given_number * 1.0, 2)})
