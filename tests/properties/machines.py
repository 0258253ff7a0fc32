"""Random machines and hostile records, written in the machine language's own terms."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

FIELDS = ("a", "b", "c", "d", "1")
name = st.sampled_from(FIELDS)
atom = st.one_of(
    st.integers(-3, 3).map(repr), st.sampled_from(["None", "True", "''", "'x'", "1.5", "2**62", "float('inf')", "[]", "{}"]),
    name.map(lambda n: f"state.data[{n!r}]"), name.map(lambda n: f"state.data.get({n!r})"),
    name.map(lambda n: f"state.data.get({n!r}, 7)"), st.just("state.data"), st.just("state.now"), st.just("len(state.data)"),
    name.map(lambda n: f"(state.data.pop({n!r}, 0))"), name.map(lambda n: f"state.context.get({n!r})"),
    name.map(lambda n: f"state.context.setdefault({n!r}, state.data)"),
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(two, st.sampled_from("+ * - / % < >= == and or in".split())).map(lambda t: f"({t[0][0]} {t[1]} {t[0][1]})"),
        inner.map(lambda e: f"(not {e})"), two.map(lambda t: f"[{t[0]}, {t[1]}]"), two.map(lambda t: f"{{'k': {t[0]}, 'l': {t[1]}}}"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        inner.map(lambda e: f"isinstance({e}, (int, float))"), inner.map(lambda e: f"str({e}).upper()"),
        inner.map(lambda e: f"[q for q in ({e})]"), inner.map(lambda e: f"sum(q for q in ({e}))"),
        inner.map(lambda e: f"list(map(lambda q: (q, state.data), {e}))"), inner.map(lambda e: f"({e})['k']"),
        inner.map(lambda e: f"({e}).items()"), inner.map(lambda e: f"round({e}, 2)"),
    )


expression = st.recursive(atom, _compound, max_leaves=5)
pairs = st.lists(st.tuples(name, expression), max_size=3)


def _record(spread: str, items: list[tuple[str, str]]) -> str:
    return "lambda state: {" + ", ".join([*([spread] if spread else []), *(f"{n!r}: {e}" for n, e in items)]) + "}"


transform = st.one_of(
    pairs.map(lambda p: _record("**state.data", p)), pairs.map(lambda p: _record("**state.data", p)),
    pairs.map(lambda p: _record("", p)), expression.map(lambda e: f"lambda state: {e}"),
    expression.map(lambda e: f"def f(state):\n    state.data['z'] = {e}\n    return state.data\n"),
    expression.map(lambda e: f"def f(state):\n    state.context['a'] = state.data\n    return {{**state.data, 'e': {e}}}\n"),
)
condition = st.one_of(expression.map(lambda e: f"lambda state: {e}"), st.sampled_from(["data.a > 1", "data.b", "'c' in data"]))
formula = st.sampled_from(["=data.a", "=data['1']", "=[data.b, data]", 5, None, {"x": [1, "=data.a"]}, "=coalesce(data.c, 3)",
                           "=has(data.d)", "=case(data.a, 1, 2)"])


@st.composite
def states(draw: st.DrawFn, names: list[str], ends: list[str]) -> list[dict[str, Any]]:
    """The inner states, each with what it does."""
    made = []
    for n in names:
        state: dict[str, Any] = {"name": n}
        if draw(st.booleans()):
            state["functions"] = {"transform": {"type": "inline", "code": draw(transform)}}
        if draw(st.integers(0, 3)) == 0:
            state.setdefault("functions", {})["validate"] = draw(st.one_of(
                st.just({"required": ["a"], "types": {"b": "number"}, "ranges": {"c": [0, 5]}}),
                condition.map(lambda c: {"type": "inline", "code": c})))
        if draw(st.integers(0, 2)) == 0:
            state["set"] = draw(st.dictionaries(st.sampled_from(["a", "b", "n.m", "a.b"]), formula, max_size=2))
        if draw(st.integers(0, 3)) == 0:
            state["on_error"] = draw(st.sampled_from(ends + names))
        made.append(state)
    return made


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    """States s0, s1, … with arcs that lead forward, in some documents also back, and three ends."""
    cycles = draw(st.booleans())
    names = [f"s{i}" for i in range(draw(st.integers(1, 4)))]
    ends = ["output", "rejected", "ignored"]
    inner = draw(states(names, ends))
    inner[0]["is_start"] = True
    arcs = []
    for i, source in enumerate(names):
        later = names[i + 1:] + ends
        for _ in range(draw(st.integers(0, 2))):
            arcs.append({"from": source, "to": draw(st.sampled_from(later + names[:i + 1] if cycles else later)), "condition": draw(condition)})
        if draw(st.integers(0, 4)):
            arcs.append({"from": source, "to": draw(st.sampled_from(later)), "else": True})
    return {"name": "random", "max_transitions": draw(st.integers(1, 6)), "states": [
        *inner, {"name": "output", "is_end": True}, {"name": "rejected", "is_end": True, "outcome": "error"},
        {"name": "ignored", "is_end": True, "outcome": "drop"}], "arcs": arcs}


scalar = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.text(max_size=3))
value = st.recursive(scalar, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(st.sampled_from("klm"), v, max_size=2)),
                     max_leaves=4)
record = st.dictionaries(name, value, max_size=5)
hostile = st.sampled_from([b"", b"{", b"[]", b"1", b"null", b'{"a":1e400}', b'{"a":NaN}', b'{"a":"\\ud800"}', b"\xff\xfe",
                           b'{"a":1,"a":2}', b'{"a":123456789012345678901234567890}', b'{"a":18446744073709551615}',
                           b'{"a":' * 260 + b"1" + b"}" * 260, b'{"a":' * 252 + b"1" + b"}" * 252, b'{"a":"null"}'])
