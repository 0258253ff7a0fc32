"""A record that is a map of names to locals says what the interpreter's dicts say: values, key order, what is shared, what is missing."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fsm_core
from tests.effort import examples

FIELDS = "abcd"


def mostly(usual: list[st.SearchStrategy[Any]], times: int, *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`one_of` with weights, which it does not have: it counts a strategy that is given twice once."""
    return st.sampled_from([*usual * times, *others]).flatmap(lambda strategy: strategy)


field = st.sampled_from(FIELDS)
read = st.one_of(
    field.map(lambda n: f"state.data[{n!r}]"), field.map(lambda n: f"state.data.get({n!r})"), field.map(lambda n: f"state.data.get({n!r}, 7)"),
    st.tuples(field, field).map(lambda t: f"state.data.get({t[0]!r}, state.data[{t[1]!r}])"), field.map(lambda n: f"({n!r} in state.data)"),
    field.map(lambda n: f"({n!r} not in state.data)"))
constant = st.sampled_from(["'x'", "'it\\'s \\n \"q\"'", "None", "True", "[]", "{}", "1e999", "state.now", "params"])
whole = st.sampled_from(["state.data", "len(state.data)", "list(state.data)", "[state.data]", "state.data[str(state.data.get('d'))]", "str(state.data)",
                         "[k for k in state.data]", "dict(state.data)", "list(state.data.items())", "(state.data == {})", "state.data | {'e': 1}"])
changing = st.sampled_from(["state.data['a'].append(1)", "state.data.pop('b', 0)", "state.data.setdefault('c', [])", "dict.update(state.data, b=5)",
                            "[0 for state.data['b'] in (3, 4)]"])


def _number(e: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two, three = st.tuples(e, e), st.tuples(e, e, e)
    return st.one_of(
        st.tuples(e, st.sampled_from("+ - * / % and or".split()), e).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), e.map(lambda x: f"({x} ** 2)"),
        three.map(lambda t: f"({t[0]} if {t[1]} > 4 else {t[2]})"), two.map(lambda t: f"min({t[0]}, {t[1]})"), two.map(lambda t: f"max({t[0]}, {t[1]})"),
        two.map(lambda t: f"sum(q + {t[0]} for q in [{t[1]}, 1])"), two.map(lambda t: f"sum(1 for q in [{t[0]}] if {t[1]} > q)"))


def _wild(e: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two, three = st.tuples(e, e), st.tuples(e, e, e)
    return st.one_of(
        two.map(lambda t: f"[{t[0]}, {t[1]}]"), two.map(lambda t: f"{{'k': {t[0]}, 'l': {t[1]}}}"), e.map(lambda x: f"[q for q in [{x}, 1]]"),
        three.map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"), e.map(lambda x: f"f'<{{({x.replace(chr(39), chr(34))})!s}}>'" if "\\" not in x and '"' not in x else x),
        e.map(lambda x: f"list({x})"), e.map(lambda x: f"({x} is not None and {x})"), two.map(lambda t: f"({t[0]} is {t[1]})"))


number = st.recursive(mostly([read], 3, st.sampled_from("1 3 100 2.5".split())), _number, max_leaves=4)
wild = st.recursive(st.one_of(read, number, constant, whole), _wild, max_leaves=3)
test = mostly([st.tuples(number, st.sampled_from("< >= == !=".split()), number).map(" ".join)], 5, read, number, st.tuples(number, number, number).map(" < ".join), wild)
value = mostly([number, read], 20, constant, wild, wild, mostly([wild], 3, changing))
pair = st.tuples(field, value).map(lambda t: f"{t[0]!r}: {t[1]}")
item = mostly([pair], 25, st.just("**state.data"), value.map(lambda e: f"**{{'a': {e}}}"), st.just("1: 2"))
every = st.tuples(st.permutations(FIELDS), st.tuples(*[value] * 4)).map(lambda t: "{" + ", ".join(f"{n!r}: {e}" for n, e in zip(*t, strict=True)) + "}")
literals = mostly([every], 6, st.lists(item, max_size=4).map(lambda items: "{" + ", ".join(items) + "}"))
updates = st.lists(item, max_size=3).map(lambda items: "{" + ", ".join(["**state.data", *items]) + "}")
transform = mostly(
    [literals.map(lambda d: f"lambda state: {d}"), updates.map(lambda d: f"lambda state: {d}")], 6,
    st.tuples(literals, test, updates).map(lambda t: f"lambda state: {t[0]} if {t[1]} else {t[2]}"),
    st.sampled_from(["lambda state: state.data", "lambda state: state.data['a']", "lambda data, context: data if context.setdefault('old', data) else data",
                     "lambda data, context: {**data, 'old': context.get('old')}", "def f(state):\n    state.data['a'] = 4\n    return state.data\n"]))
path = st.sampled_from(["a", "b", "d", "n.m", "n.k", "n.k.m", "n"])
formula = st.one_of(field.map(lambda n: f"=data.{n}"), st.sampled_from(["=data", 5, None, {"x": [1, "=data.a"]}, "=has(data.b)", "=has(data.n.m)", "=[data.a, data.a]",
                                                                        "=coalesce(data.c, 3)", "=len(data)", "=data.get('b', data.a)"]))
condition = test.map(lambda e: f"lambda state: {e}")


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Two to four states in a row that replace and update the record, with ways out."""
    names = [f"s{i}" for i in range(draw(st.integers(2, 4)))]
    states, arcs = [], []
    for name, after in zip(names, [*names[1:], "output"], strict=True):
        state: dict[str, Any] = {"name": name, "functions": {"transform": draw(transform)}}
        if draw(st.integers(0, 2)) == 0:
            state["set"] = draw(st.dictionaries(path, formula, max_size=2))
        if draw(st.integers(0, 4)) == 0:
            state["functions"]["validate"] = draw(st.sampled_from(["lambda state: 'a' in state.data", "lambda state: state.data.get('a') is not None and state.data.get('a') == state.data['a']", "def f(state):\n    state.data['b'] = 1\n    return True\n",
                                                                   {"required": ["a"]}]))
        states.append(state)
        if draw(st.booleans()):
            tests = draw(st.lists(condition, min_size=1, max_size=2))
            tests += [f"lambda state: not ({tests[0].removeprefix('lambda state: ')})"] if draw(st.booleans()) else []
            arcs += [{"from": name, "to": to, "condition": test} for to, test in zip([after, "rejected", "ignored"], tests, strict=False)]
        arcs.append({"from": name, "to": after, "else": True})
    states[0]["is_start"] = True
    return {"name": "m", "states": [*states, {"name": "output", "is_end": True}, {"name": "rejected", "is_end": True, "outcome": "error"},
                                    {"name": "ignored", "is_end": True, "outcome": "drop"}], "arcs": arcs}


scalar = st.sampled_from([0, 1, 3, 100, -2, 2**62, 2.0, 0.5, 1e200, 1e308, "", "x", "a", None, True])
some = st.one_of(scalar, scalar, st.lists(scalar, max_size=2), st.dictionaries(field, scalar, max_size=2))
numbers = st.fixed_dictionaries({n: st.integers(1, 9) for n in "dcba"})
records = st.lists(mostly([numbers], 6, st.fixed_dictionaries(dict.fromkeys("dcba", some)), st.dictionaries(field, some, max_size=4)), min_size=1, max_size=5)
KEYS = st.sampled_from([None, None, "data.a", "str(data.get('b'))", "text(data)"])


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), records, KEYS, st.booleans())
def test_a_map_of_locals_is_the_record(document: dict[str, Any], given_records: list[dict[str, Any]], key: str | None, values_too: bool) -> None:
    """Whole results are equal, byte for byte, the records that end in an error too."""
    machine = fsm_core.load(document).bind(keys={None: key} if key else None, failure_values=values_too)
    assert machine.source is not None
    values = [orjson.dumps(r) for r in given_records]
    assert machine.run(values, now=1.0) == machine.run_interpreted(values, now=1.0)
