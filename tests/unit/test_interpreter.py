"""The whole language from the definition alone: what the interpreter does with each of its parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from fsm_core.definition import (
    Arc,
    Assign,
    Catch,
    Code,
    Define,
    Definition,
    Host,
    Let,
    Network,
    Remove,
    Rename,
    Require,
    Retry,
    State,
    Switch,
    Way,
)
from fsm_core.engine.batch import BatchResult
from fsm_core.engine.machine import Machine
from fsm_core.engine.protocol import Call, Done, perform_at_once
from fsm_core.errors import AsyncMachineError
from fsm_core.expressions import parse_code

OUT = State("output", is_end=True, outcome="output")
BAD = State("rejected", is_end=True, outcome="error")
GO = (Arc("in", "output"),)


def f(source: str, *lets: str) -> Code:
    """A formula that reads these lets."""
    made = parse_code(source)
    return Code(made.kind, made.source, made.tree, lets=lets)


def call(function: Any, **host: Any) -> Code:
    return Code("callable", "geo", None, function, host=Host("geo", **host))


def machine(*states: State, arcs: Sequence[Arc] = GO, **more: Any) -> Machine:
    return Machine(Definition("m", "1", "d", states[0].name, {s.name: s for s in states}, tuple(arcs), True, **more))


def run(made: Machine, *given: Any) -> BatchResult:
    """By the interpreter; compiled code, where there is some, must say the same."""
    values = [json.dumps(one).encode() for one in given]
    result = made.run_interpreted(values, now=5.0)
    if made.source is not None:
        assert made.run(values, now=5.0) == result
    return result


def data(result: BatchResult) -> list[Any]:
    return [json.loads(row[2]) for row in result.rows]


def failures(result: BatchResult) -> list[tuple[Any, ...]]:
    return [(at, one.reason, one.state, one.function, one.error, one.message) for at, one in result.failures]


def test_lets_are_made_line_by_line_and_serve_the_steps_the_arcs_and_the_children() -> None:
    """A later let sees an earlier one; arcs and children's arcs read them."""
    here = State("in", is_start=True, lets=(Let("a", f("data.x + 1")), Let("b", f("a * 2", "a"))),
                 assigns=(Assign(("y",), f("b", "b"), "y"),), fan_out=f("[{'n': b}, {'n': a}]", "a", "b"))
    made = machine(here, OUT, State("few", is_end=True, outcome="drop"),
                   arcs=[Arc("in", "few", f("data.n < b", "b")), Arc("in", "output")])
    assert data(run(made, {"x": 1})) == [{"n": 4}]


def test_what_a_let_raises_no_require_prevents() -> None:
    """let comes before require, and its failure is a transform's."""
    made = machine(State("in", is_start=True, lets=(Let("q", f("data.q + 1")),), requires=(Require(f("has(data.q)")),)), OUT)
    assert failures(run(made, {}, {"q": 1})) == [(0, "transform", "in", "let.q", "KeyError", "field 'q' is missing")]


def test_every_require_is_tried_and_messages_are_joined() -> None:
    """False or raising adds the message; without one the source stands for it; a message that raises says so."""
    here = State("in", is_start=True, requires=(
        Require(f("data.a > 0"), f("text('a is ', data.a)")), Require(f("data.b > 0")), Require(f("data.c"), f("data.zz"))))
    assert failures(run(machine(here, OUT), {"a": 0, "c": True}, {"a": 1, "b": 1, "c": 0}, {"a": 1, "b": 1, "c": 1})) == [
        (0, "validate", "in", "require", "ValidationError", "a is 0; data.b > 0"),
        (1, "validate", "in", "require", "ValidationError", "KeyError: field 'zz' is missing")]


def test_record_rename_set_remove_keep_go_in_that_order() -> None:
    """A guarded line of set is skipped; objects on the way of a write are made; keep keeps the record's order."""
    here = State("in", is_start=True, record=f("data.after"), renames=(Rename(("mail",), ("contact", "email"), "mail"), Rename(("no",), ("x",), "no")),
                 assigns=(Assign(("t",), f("data.q * 2"), "t"), Assign(("u",), f("1"), "u", guard=f("has(data.zz)"))),
                 removes=(Remove(("q",), "q"), Remove(("contact", "zip"), "contact.zip")), keep=("t", "contact", "id"))
    result = run(machine(here, OUT), {"after": {"id": 1, "mail": "m", "q": 2, "z": 0}})
    assert [row[2] for row in result.rows] == [b'{"id":1,"contact":{"email":"m"},"t":4}']


@pytest.mark.parametrize(("state", "function", "error"), [
    (State("in", record=f("[1]")), "record", "TypeError"),
    (State("in", assigns=(Assign(("a", "b"), f("1"), "a.b"),)), "set.a.b", "TypeError"),
    (State("in", renames=(Rename(("z",), ("a", "b"), "z"),)), "rename.z", "TypeError"),
    (State("in", fan_out=f("[1]")), "fan_out", "TypeError"), (State("in", fan_out=f("{}")), "fan_out", "TypeError")])
def test_failures_name_their_step(state: State, function: str, error: str) -> None:
    """`function` is the step as language.md calls it."""
    (failure,) = failures(run(machine(state, OUT), {"a": "text", "z": 1}))
    assert failure[1:5] == ("transform", "in", function, error)


def test_a_catch_fits_by_class_or_base_and_gives_the_record_as_it_came() -> None:
    """In order, first match; `state.error` says what it was; a require is a ValidationError."""
    here = State("in", is_start=True, requires=(Require(f("data.ok")),), assigns=(Assign(("n",), f("1"), "n"), Assign(("m",), f("data.m"), "m")),
                 catches=(Catch(("ValidationError",), "rejected"), Catch(("LookupError",), "parked"), Catch((), "rejected")))
    parked = State("parked", is_end=True, outcome="output", route="parked", assigns=(Assign(("why",), f("state.error.type"), "why"),))
    result = run(machine(here, OUT, BAD, parked), {"ok": False}, {"ok": True}, {"ok": True, "m": 3})
    assert data(result) == [{"ok": True, "why": "KeyError"}, {"ok": True, "m": 3, "n": 1}]
    assert failures(result) == [(0, "rejected", "rejected", None, "ValidationError", "data.ok")]
    assert result.arcs == {("in", "rejected"): 1, ("in", "parked"): 1, ("in", "output"): 1}


@pytest.mark.parametrize(("arc", "end", "message"), [
    (f("'of the arc'"), f("'of the end'"), "of the arc"), (None, f("text('end ', data.a)"), "end 1"), (None, None, ""),
    (f("data.zz"), None, "KeyError: field 'zz' is missing"), (f("{'a': 1}"), None, '{"a":1}')])
def test_the_message_of_an_arc_wins_over_the_ends(arc: Code | None, end: Code | None, message: str) -> None:
    """And a message never fails a record."""
    made = machine(State("in", is_start=True), State("rejected", is_end=True, outcome="error", message=end), arcs=[Arc("in", "rejected", message=arc)])
    assert failures(run(made, {"a": 1})) == [(0, "rejected", "rejected", None, None, message)]


def test_a_switch_takes_the_case_of_a_text_and_else_its_default() -> None:
    """Null and numbers take the default; without one the next arc is tried."""
    cases = {"paid": Way("output"), "1": Way("rejected")}
    ends = (OUT, BAD, State("other", is_end=True, outcome="drop"))
    made = machine(State("in", is_start=True), *ends, arcs=[Arc("in", "", switch=Switch(f("data.type"), cases, Way("other")))])
    result = run(made, {"type": "paid"}, {"type": 1}, {"type": None}, {"type": "1"}, {})
    assert list(result.ends) == ["output", "other", "other", "rejected", None]
    assert failures(result)[1] == (4, "guard", "in", "in->switch", "KeyError", "field 'type' is missing")
    made = machine(State("in", is_start=True), *ends, arcs=[Arc("in", "", switch=Switch(f("data.type"), cases)), Arc("in", "other", is_else=True)])
    assert list(run(made, {"type": "zz"}).ends) == ["other"]


def test_a_pushed_network_comes_back_unless_its_end_has_an_outcome() -> None:
    """Paths and counts use full names; a network may push another."""
    states = (State("in", is_start=True), OUT, State("n/start", network="n", is_start=True),
              State("n/done", network="n", is_end=True, returns=True, assigns=(Assign(("n",), f("1"), "n"),)),
              State("n/error", network="n", is_end=True, outcome="error"), State("k/one", network="k", is_start=True, is_end=True, returns=True))
    arcs = [Arc("in", "output", push="n"), Arc("n/start", "n/error", f("data.bad")), Arc("n/start", "n/done", is_else=True, push="k")]
    made = machine(*states, arcs=arcs, networks={"n": Network("n", "n/start"), "k": Network("k", "k/one")})
    result = run(made, {"bad": False}, {"bad": True})
    assert data(result) == [{"bad": False, "n": 1}]
    assert result.failures[0][1].path == ("in", "n/start", "n/error")
    assert made.process({"bad": False}).path == ("in", "n/start", "k/one", "n/done", "output")
    assert result.arcs[("n/done", "output")] == result.arcs[("k/one", "n/done")] == 1


def test_a_fan_out_is_atomic() -> None:
    """Several rows a position; one bad child and none is sent; no child is a drop; states count children."""
    made = machine(State("in", is_start=True, fan_out=f("data.lines")), OUT, BAD, State("none", is_end=True, outcome="drop", reason="empty"),
                   arcs=[Arc("in", "rejected", f("data.n < 0"), message=f("text('n is ', data.n)")), Arc("in", "none", f("data.n == 0")), Arc("in", "output")])
    result = run(made, *({"lines": [{"n": n} for n in ns]} for ns in ([1, 2], [1, -1, -2], [], [0, 3], [0, 0])))
    assert [(row[0], row[2]) for row in result.rows] == [(0, b'{"n":1}'), (0, b'{"n":2}'), (3, b'{"n":3}')]
    assert [(at, one.message, one.path) for at, one in result.failures] == [(1, "n is -1", ("in", "rejected"))]
    assert (list(result.ends), result.dropped, result.drops) == (["output", "rejected", "in", "none", "none"], 2, {"in": 1, "empty": 1})
    assert result.states == {"in": 5, "output": 4, "rejected": 2, "none": 3}
    assert made.process({"lines": [{"n": 1}, {"n": 2}]}).outputs == [{"n": 1}, {"n": 2}]


def test_a_fan_out_of_the_transforms_list_on_an_end_state() -> None:
    """`fan_out: true` takes the list; on an end each child ends there."""
    made = machine(State("in", is_start=True, is_end=True, outcome="output", transforms=(f("data.lines"),), fan_out=True), arcs=())
    assert data(run(made, {"lines": [{"a": 1}, {"a": 2}]})) == [{"a": 1}, {"a": 2}]


def test_entries_into_a_cycle_are_bounded() -> None:
    """One more than max_transitions fails."""
    again = State("in", is_start=True, assigns=(Assign(("n",), f("data.n - 1"), "n"),))
    made = machine(again, OUT, arcs=[Arc("in", "in", f("data.n > 0")), Arc("in", "output")], max_transitions=3)
    assert failures(run(made, {"n": 3}, {"n": 4})) == [(1, "max_transitions", "in", None, None, "more than 3 entries into states on a cycle")]


def test_defines_are_constants_and_functions() -> None:
    """They see each other, params and helpers."""
    made = machine(State("in", is_start=True, assigns=(Assign(("v",), f("twice(data.v) + vat.DE"), "v"),)), OUT, params={"k": 2},
                   defines=(Define("vat", None, f("{'DE': 19}")), Define("twice", ("x",), f("x * params.k + to_int('0')"))))
    assert data(run(made, {"v": 4})) == [{"v": 27}]


def test_the_input_schema_is_asked_before_the_start() -> None:
    """Its messages name the place; the failure has no state."""
    pytest.importorskip("jsonschema_rs", reason="the virtual environment is older than the lock: make setup")
    schema = {"required": ["id"], "properties": {"v": {"properties": {"n": {"type": "number"}}}}}
    made = machine(State("in", is_start=True), OUT, input_schema=schema)
    result = run(made, {"id": 1, "v": {"n": 2}}, {"v": {"n": "x"}})
    assert data(result) == [{"id": 1, "v": {"n": 2}}]
    (failure,) = failures(result)
    assert failure[:5] == (1, "schema", None, None, "ValidationError")
    assert "v.n: " in failure[5] and "; " in failure[5]


@pytest.mark.parametrize(("exact", "out"), [(True, b'{"n":123456789012345678901234567890}'), (False, b'{"n":1.2345678901234568e+29}')])
def test_exact_numbers(exact: bool, out: bytes) -> None:
    """`numbers: exact` reads integers over 64 bits as they are."""
    made = machine(State("in", is_start=True), OUT, exact_numbers=exact)
    assert [row[2] for row in made.run([b'{"n":123456789012345678901234567890}']).rows] == [out]


def geo(function: Any, retry: Retry | None = None, catches: tuple[Catch, ...] = (), **host: Any) -> Machine:
    return machine(State("in", is_start=True, transforms=(call(function, **host),), retry=retry, catches=catches), OUT, BAD)


def answered(made: Machine, *given: Any) -> tuple[BatchResult, list[Call]]:
    """Through the protocol, each call made at once."""
    step, calls = made.start([json.dumps(one).encode() for one in given], now=5.0), []
    while isinstance(step, Call):
        calls.append(step)
        step = step.answer(perform_at_once(step.pending))
    assert isinstance(step, Done)
    return step.result, calls


def test_a_batch_function_is_called_once_a_wave() -> None:
    """With the args of all; an answer goes to `into`, an Exception among them fails its record alone."""
    def lookup(asked: list[Any]) -> list[Any]:
        return [KeyError(ip) if ip == "x" else {"of": ip} for ip in asked]
    made = geo(lookup, batch=True, args=f("data.ip"), into=("geo", "at"))
    result, calls = answered(made, {"ip": "a"}, {"ip": "x"}, {}, {"ip": "b"})
    assert [list(one.records) for one in calls] == [["a", "x", "b"]]
    assert data(result) == [{"ip": "a", "geo": {"at": {"of": "a"}}}, {"ip": "b", "geo": {"at": {"of": "b"}}}]
    assert failures(result) == [(1, "transform", "in", "transform", "KeyError", "field 'x' is missing"),
                                (2, "transform", "in", "transform", "KeyError", "field 'ip' is missing")]
    with pytest.raises(AsyncMachineError):
        made.run([b"{}"])


def test_children_share_a_wave() -> None:
    """The children of all records reach the state together."""
    states = (State("split", is_start=True, fan_out=f("data.lines")), State("in", transforms=(call(lambda all_: all_, batch=True),)), OUT)
    made = machine(*states, arcs=[Arc("split", "in"), *GO])
    result, calls = answered(made, {"lines": [{"n": 1}, {"n": 2}]}, {"lines": [{"n": 3}]})
    assert [one.records for one in calls] == [[{"n": 1}, {"n": 2}, {"n": 3}]]
    assert [row[0] for row in result.rows] == [0, 0, 1]


def test_the_next_attempt_holds_only_the_records_that_still_fail() -> None:
    """Delays grow by backoff up to max_delay; what is not listed is not tried again; the last failure is `retries`."""
    def lookup(records: list[Any]) -> list[Any]:
        return [OSError("down") if r["n"] == 1 else ValueError("bad") if r["n"] == 2 else r for r in records]
    made = geo(lookup, Retry(("OSError",), 4, 1.0, 3.0, 5.0, "none"), batch=True)
    result, calls = answered(made, {"n": 0}, {"n": 1}, {"n": 2})
    assert [(len(one.records), one.delay) for one in calls] == [(3, 0.0), (1, 1.0), (1, 3.0), (1, 5.0)]
    assert [(at, one.reason, one.error, one.attempts) for at, one in result.failures] == [(1, "retries", "OSError", 4), (2, "transform", "ValueError", 1)]


@pytest.mark.parametrize(("idempotent", "good"), [(True, [0, 2, 3]), (False, [])])
def test_a_raised_batch_call_is_halved_only_if_idempotent(idempotent: bool, good: list[int]) -> None:
    """So that one bad record does not take the others with it."""
    def lookup(records: list[Any]) -> list[Any]:
        if any(r["n"] == 1 for r in records):
            raise ValueError("one of them")
        return records
    result, _ = answered(geo(lookup, batch=True, idempotent=idempotent), *({"n": n} for n in range(4)))
    assert [row[0] for row in result.rows] == good
    assert {one.error for _, one in result.failures} == {"ValueError"}


def test_an_answer_of_another_length_fails_the_call() -> None:
    """No record gets what belongs to another."""
    result, _ = answered(geo(lambda records: records[1:], batch=True), {"n": 1}, {"n": 2})
    assert [one.message for _, one in result.failures] == ["geo was given 2 records and returned a list of 1"] * 2


def test_a_timeout_is_caught_as_timeout_error() -> None:
    """The deadline is in the call; what is late is `timeout`, and a catch by its base takes it."""
    async def never(_: Any) -> Any:
        await asyncio.Event().wait()
    values = [b'{"n":1}']
    (failure,) = failures(asyncio.run(geo(never, timeout=0.01).run_async(values)))
    assert failure[1:] == ("timeout", "in", "transform", "TimeoutError", "no answer within 0.01 s")
    (failure,) = failures(asyncio.run(geo(never, timeout=0.01, catches=(Catch(("OSError",), "rejected"),)).run_async(values)))
    assert failure[1:5] == ("rejected", "rejected", None, "TimeoutError")


def test_sync_functions_wait_in_a_thread_and_async_ones_on_the_loop() -> None:
    """Both through run_async, results in input order."""
    async def later(record: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {**record, "a": 1}
    for function, host in ((later, {}), (lambda record: {**record, "a": 1}, {"timeout": 5.0})):
        result = asyncio.run(geo(function, **host).run_async([b'{"n":1}', b"[]", b'{"n":2}']))
        assert [(row[0], row[2]) for row in result.rows] == [(0, b'{"n":1,"a":1}'), (2, b'{"n":2,"a":1}')]
        assert [(at, one.reason) for at, one in result.failures] == [(1, "malformed")]
