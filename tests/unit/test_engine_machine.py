"""One record's way through a machine, and what a batch answers with."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from fsm_core.definition import Arc, Assign, Code, Definition, Rules, State
from fsm_core.engine.batch import SOURCE, Meta
from fsm_core.engine.codec import TEXT
from fsm_core.engine.machine import Machine
from fsm_core.engine.schema import Schema
from fsm_core.errors import AsyncMachineError
from fsm_core.expressions.parsing import parse_code


def machine(*states: State, arcs: tuple[Arc, ...], trusted: bool = True, params: Mapping[str, Any] | None = None,
            max_transitions: int = 1000) -> Machine:
    start = next(s.name for s in states if s.is_start)
    return Machine(Definition("m", "1", "d", start, {s.name: s for s in states}, arcs, trusted, max_transitions,
                              params or {}))


START = State("in", is_start=True)
OUT = State("out", is_end=True, outcome="output")
REJECTED = State("rejected", is_end=True, outcome="error")


def through(middle: State, *more: State, arcs: tuple[Arc, ...] = (), **rest: Any) -> Machine:
    return machine(START, middle, OUT, REJECTED, *more,
                   arcs=(Arc("in", middle.name), Arc(middle.name, "out"), *arcs), **rest)


def step(code: str, **rest: Any) -> State:
    return State("step", transforms=(parse_code(code),), **rest)


def test_a_transform_changes_the_record() -> None:
    """Outputs keep input order and the source's key."""
    m = through(step("lambda state: {**state.data, 'b': state.data['a'] + 1}"))
    result = m.run([b'{"a":1}', b'{"a":2}'])
    assert result.rows == [(0, None, b'{"a":1,"b":2}', SOURCE, None, None), (1, None, b'{"a":2,"b":3}', SOURCE, None, None)]
    assert result.states == {"in": 2, "step": 2, "out": 2}
    assert result.arcs == {("in", "step"): 2, ("step", "out"): 2}
    assert result.ends == ["out", "out"]


@pytest.mark.parametrize("raw", [b"1", b"[]", b"null", b"{", b'{"a":1e400}', b'{"a":NaN}', b'{"a":"\\ud800"}', b"\xff",
                                 b"[" * 3000, b'{"a":' * 2000])
def test_what_is_no_record_is_malformed(raw: bytes) -> None:
    """Anything but one strict JSON object is malformed, and does not touch its neighbours."""
    result = through(step("lambda state: state.data")).run([b"{}", raw, b"{}"])
    assert [(p, f.reason) for p, f in result.failures] == [(1, "malformed")]
    assert [row[0] for row in result.rows] == [0, 2]


@pytest.mark.parametrize(("code", "reason"), [
    ("lambda state: {'a': float('nan')}", "unencodable"), ("lambda state: {'a': None, 'b': [float('inf')]}", "unencodable"),
    ("lambda state: {1: 2}", "unencodable"), ("lambda state: {'a': {1}}", "unencodable"),
    ("lambda state: {'a': 2**70, 'b': float('nan')}", "unencodable"), ("lambda state: None", "transform"),
    ("lambda state: [state.data]", "transform"), ("lambda state: state.data['zz']", "transform"),
])
def test_failures_are_data(code: str, reason: str) -> None:
    """What cannot be written or is no record is a failure with its reason."""
    assert [f.reason for _, f in through(step(code)).run([b"{}"]).failures] == [reason]


def test_integers_beyond_64_bits_are_exact() -> None:
    """An integer that a transform computes is written in full."""
    assert through(step("lambda state: {'a': 2**70}")).run([b"{}"]).rows[0][2] == b'{"a":%d}' % 2**70


def test_deep_nesting_that_loads_but_does_not_dump() -> None:
    """Depth 255 and more is unencodable."""
    raw = b'{"a":' * 300 + b"1" + b"}" * 300
    assert through(step("lambda state: state.data")).run([raw]).failures[0][1].reason == "unencodable"


def test_missing_fields_are_named() -> None:
    """A KeyError says which field is missing, in which state and function."""
    failure = through(step("{'a': data.price}")).run([b"{}"]).failures[0][1]
    assert (failure.reason, failure.state, failure.function, failure.error, failure.message, failure.path) == (
        "transform", "step", "transform", "KeyError", "field 'price' is missing", ("in", "step"))


def test_on_error_gets_the_record_as_it_entered() -> None:
    """The target sees the old record and state.error; an error end reports the caught message."""
    m = through(State("step", on_error="rejected", assigns=(
        Assign(("a",), parse_code("1"), "a"), Assign(("b",), parse_code("data.zz"), "b"))))
    result = m.bind(failure_values=True).run([b'{"x":1}'])
    failure = result.failures[0][1]
    assert (failure.reason, failure.error, failure.message, failure.value) == (
        "rejected", "KeyError", "field 'zz' is missing", b'{"x":1}')
    assert result.ends == ["rejected"]
    assert result.arcs == {("in", "step"): 1, ("step", "rejected"): 1}


def test_rules_collect_all_messages() -> None:
    """Every broken rule is told, joined by '; '."""
    m = through(State("step", validates=(Rules(("id",), {"v": "number"}, {"w": (0, 9)}),)))
    failure = m.run([b'{"v":true,"w":10}']).failures[0][1]
    assert failure.message == "id is required; v is not of type number; w is above 9"
    assert (failure.reason, failure.error) == ("validate", "ValidationError")


@pytest.mark.parametrize(("code", "ok"), [("True", True), ("[]", True), ("False", False), ("['no']", False),
                                          ("1", False), ("None", False), ("1/0", False)])
def test_validate_answers(code: str, ok: bool) -> None:
    """A validate says a boolean or a list of messages; anything else is a failure."""
    result = through(State("step", validates=(parse_code(code),))).run([b"{}"])
    assert bool(result.rows) is ok
    assert [f.reason for _, f in result.failures] == ([] if ok else ["validate"])


def test_guards() -> None:
    """The first true arc is taken, else last; none is no_arc; a raising one is a guard failure."""
    m = machine(START, OUT, REJECTED, arcs=(
        Arc("in", "out", parse_code("data.a > 1")), Arc("in", "rejected", parse_code("lambda state: not state.data['a']"))))
    result = m.run([b'{"a":2}', b'{"a":0}', b'{"a":1}', b'{"a":"x"}', b"{}"])
    assert [(p, f.reason, f.function) for p, f in result.failures] == [
        (1, "rejected", None), (2, "no_arc", None), (3, "guard", "in->out"), (4, "guard", "in->out")]


def test_max_transitions() -> None:
    """A record that goes round for ever fails."""
    m = machine(START, OUT, State("a"), arcs=(
        Arc("in", "a"), Arc("a", "a", parse_code("data.get('go')")), Arc("a", "out", is_else=True)), max_transitions=5)
    result = m.run([b'{"go":1}', b"{}"])
    assert result.failures[0][1].reason == "max_transitions"
    assert len(result.failures[0][1].path) == 6
    assert len(result.rows) == 1


def test_drops_are_counted() -> None:
    """A drop is written nowhere and counted by its reason."""
    m = machine(START, State("ignored", is_end=True, outcome="drop", reason="test"), arcs=(Arc("in", "ignored"),))
    result = m.run([b"{}", b"{}"])
    assert (result.dropped, result.drops, result.ends) == (2, {"test": 2}, ["ignored"] * 2)


@pytest.mark.parametrize(("formula", "key"), [("= data.k", b"7"), ("str(data.k)", b"7"), ("None", None)])
def test_bound_keys(formula: str, key: bytes | None) -> None:
    """A bound key formula gives text, decimal or null keys."""
    assert through(step("data")).bind(keys={None: formula}).run([b'{"k":7}']).rows[0][3] == key


@pytest.mark.parametrize("formula", ["True", "1.5", "data.zz", "[]"])
def test_keys_that_are_none(formula: str) -> None:
    """Other key results are undeliverable."""
    failure = through(step("data")).bind(keys={None: formula}).run([b"{}"]).failures[0][1]
    assert (failure.reason, failure.function) == ("undeliverable", "key")


def test_end_addressing_and_tombstones() -> None:
    """An end's own key, headers and timestamp stand in the row; a tombstone has no value."""
    m = machine(START, State("out", is_end=True, outcome="output", route="r", key=parse_code("data.id"), tombstone=True,
                             headers=(("n", parse_code("1")), ("gone", parse_code("None"))), timestamp=parse_code("1.5")),
                arcs=(Arc("in", "out"),))
    result = m.run([b'{"id":"k"}', b'{"id":null}'])
    assert result.rows == [(0, "r", None, b"k", [("n", b"1")], 1500)]
    assert result.failures[0][1].reason == "undeliverable"


def test_meta_is_read_only_when_asked_for() -> None:
    """`metas` may be a function; it is called for records whose code reads state.meta."""
    asked: list[int] = []

    def metas(position: int) -> Meta:
        asked.append(position)
        return Meta(topic="t", offset=position)
    code = "lambda state: {'t': state.meta['topic'], 'o': state.meta.offset} if 'a' in state.data else {}"
    result = through(step(code)).run([b"{}", b'{"a":1}'], metas)
    assert [row[2] for row in result.rows] == [b"{}", b'{"t":"t","o":1}']
    assert asked == [1]


def test_two_parameters_are_data_and_context() -> None:
    """A lambda or def of two gets the record and the scratch dict, which lasts as long as the record's way."""
    m = through(step("def f(data, context):\n    context['n'] = data['a']\n    return data\n"),
                State("b", transforms=(parse_code("lambda d, c: {'n': c['n']}"),)))
    m = machine(START, m.definition.states["step"], m.definition.states["b"], OUT,
                arcs=(Arc("in", "step"), Arc("step", "b"), Arc("b", "out")))
    assert [row[2] for row in m.run([b'{"a":1}', b'{"a":2}']).rows] == [b'{"n":1}', b'{"n":2}']


def test_the_callers_record_stays() -> None:
    """process and run_records leave what they are given alone, even if code changes it in place."""
    m = through(step("lambda state: state.data.update(x=1) or state.data['l'].append(1) or state.data"))
    given: dict[str, Any] = {"l": []}
    assert m.process(given).data == {"l": [1], "x": 1}
    assert m.run_records([given]).rows[0][2] == b'{"l":[1],"x":1}'
    assert given == {"l": []}


def test_async_functions() -> None:
    """run refuses them, run_async awaits them."""
    async def slow(data: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {**data, "a": 1}
    m = through(State("step", transforms=(Code("callable", "slow", function=slow),)))
    assert m.is_async
    with pytest.raises(AsyncMachineError):
        m.run([b"{}"])
    assert asyncio.run(m.run_async([b"{}"])).rows[0][2] == b'{"a":1}'


async def of_data(data: dict[str, Any]) -> dict[str, Any]:
    return {"a": 1}


async def of_state(state: Any) -> dict[str, Any]:
    return await of_data(state.data)


async def of_both(data: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    return await of_data(data)


class Called:
    async def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        return await of_data(data)


@pytest.mark.parametrize("function", [of_data, of_state, of_both, Called()])
def test_async_functions_need_no_thread(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they take: a thread is for those that would hold the loop, and a timeout in it would leave a coroutine that nobody awaits."""
    monkeypatch.setattr(asyncio, "to_thread", None)
    m = through(State("step", transforms=(Code("callable", "f", function=function),)))
    assert [row[2] for row in asyncio.run(m.run_async([b"{}"])).rows] == [b'{"a":1}']


def test_a_schema_is_asked_from_where_imports_work() -> None:
    """The library imports by its caller's builtins, once a process: under those of safe code every record of the first batch failed."""
    class Importing:
        def is_valid(self, record: dict[str, Any]) -> bool:
            return "__import__" in sys._getframe(1).f_builtins

    schema = Schema({"type": "object"})
    schema._validator = Importing()
    assert eval("admits({})", {"__builtins__": {}, "admits": schema.admits})


def test_text_and_explain() -> None:
    """Values may be text; explain tells each step."""
    m = through(step("data")).bind(codec=TEXT)
    assert m.run([b"hi", b"\xff"]).rows[0][2] == b'{"line":"hi"}'
    log = m.explain({"line": "x"})
    assert [s.get("state") for s in log] == ["in", "step", "out", None]
    assert log[-1] == {"end": "out", "outputs": [{"value": '{"line":"x"}'}]}
