"""The attack data: records that make an innocent safe machine fail, and never make it large, slow or different when compiled."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest

from fsm_core import DocumentError, load
from fsm_core.engine import delivery
from fsm_core.engine.machine import Machine
from fsm_core.engine.sharing import multiplies
from fsm_core.expressions import bounds, functions, patterns

BIG = 10**8
WIDE = [0] * 1000
TEXT = "x" * 20_000
ATTACKS: list[tuple[str, dict[str, Any]]] = [
    # an operator that means something else for another type
    ("data.price * data.qty", {"price": "x", "qty": BIG}), ("data.price * data.qty", {"price": [0], "qty": BIG}), ("data.price * data.qty", {"price": BIG, "qty": "x"}),
    ("data.price * 3", {"price": "x"}), ("2 * data.price", {"price": [[]]}), ("data.price * data.qty", {"price": {}, "qty": 1}), ("data.price * data.qty", {"price": None, "qty": 1}),
    ("data.a % data.b", {"a": "%999999999d", "b": 1}), ("data.a % data.b", {"a": "%(x)s", "b": {"x": 1}}), ("data.a % 7", {"a": "%s"}), ("data.a % data.b", {"a": 1, "b": 0}),
    ("data.a << data.b", {"a": 1, "b": 10**9}), ("1 << data.b", {"b": 2**40}), ("data.a << data.b", {"a": 1, "b": -1}), ("data.a << data.b", {"a": "x", "b": 1}),
    ("data.a ** data.b", {"a": 10, "b": 10**9}), ("data.a ** data.b", {"a": 2**62, "b": 2**62}), ("data.a ** 2", {"a": "x"}), ("data.a ** 500", {"a": 2**60}),
    ("data.a ** data.b", {"a": 0, "b": -1}), ("data.a + data.b", {"a": "x", "b": 1}), ("data.a + data.b", {"a": [1], "b": "x"}), ("data.a + data.b", {"a": {}, "b": {}}),
    ("data.a + 1", {"a": "x"}), ("data.a + ' '", {"a": ["x"]}), ("-data.a", {"a": "x"}), ("data.a / data.b", {"a": 1, "b": 0}), ("data.a // data.b", {"a": 1.5, "b": "x"}),
    # sizes that a record names
    ("list(range(data.n))", {"n": 10**9}), ("list(range(data.n))", {"n": 2**63}), ("[0 for i in range(data.n)]", {"n": 10**9}), ("[0 for i in range(0, data.n, 1)]", {"n": 10**6}),
    ("sum(range(data.n))", {"n": 10**12}), ("[list(range(l.qty)) for l in data.lines]", {"lines": [{"qty": 90_000}] * 1000}),
    ("[[i for i in range(l.qty)] for l in data.lines]", {"lines": [{"qty": 90_000}] * 1000}), ("[sum(range(l.qty)) for l in data.lines]", {"lines": [{"qty": 99_999}] * 1000}),
    ("{l.qty: list(range(l.qty)) for l in data.lines}", {"lines": [{"qty": 90_000 + i} for i in range(1000)]}),
    ("sorted(data.lines, key=lambda l: list(range(l.qty)))", {"lines": [{"qty": 90_000}] * 1000}), ("range(data.n)", {"n": "9"}), ("range(data.n)", {"n": 1.5}),
    # texts that grow
    ("data.a.join(data.b)", {"a": TEXT, "b": ["y"] * 1000}), ("','.join(data.b)", {"b": [1]}), ("data.a.join(data.b)", {"a": 1, "b": []}), ("''.join(data.a)", {"a": None}),
    ("data.a.replace('', data.a)", {"a": TEXT}), ("data.a.replace('x', data.b)", {"a": TEXT, "b": TEXT}), ("data.a.replace('x', 'y')", {"a": 1}), ("replace('x', '" + "y" * 900 + "', data.a)", {"a": TEXT}),
    ("replace('(x+)', r'" + r"\1" * 900 + "', data.a)", {"a": TEXT}), ("data.a.zfill(9)", {"a": 1}), ("mask(data.a)", {"a": [1]}), ("sha256(data.a)", {"a": {}}),
    # numbers in texts
    ("int(data.a)", {"a": "9" * 10**6}), ("int(data.a, 16)", {"a": "f" * 10**5}), ("int(data.a, base=2)", {"a": "1" * 5000}), ("to_int(data.a)", {"a": "9" * 10**6}), ("to_int(data.a)", {"a": "1_000"}),
    ("to_int(data.a)", {"a": "٣"}), ("to_int(data.a)", {"a": True}), ("to_int(data.a)", {"a": 1e300}), ("to_number(data.a)", {"a": "1e999"}), ("to_number(data.a)", {"a": "nan"}), ("to_number(data.a)", {"a": [[]]}),
    ("float(data.a)", {"a": "1e"}), ("round(data.a, 2)", {"a": "x"}), ("round_half_up(data.a, 2)", {"a": "x"}), ("clip(data.a, 0, 9)", {"a": "x"}),
    # sums and lists
    ("sum(data.a, [])", {"a": [WIDE] * 10}), ("sum(data.a, data.b)", {"a": [[1]], "b": []}), ("sum(data.a)", {"a": ["x"]}), ("sum(data.a)", {"a": [[1]]}), ("flatten(data.a)", {"a": 1}), ("group(data.a, 'k')", {"a": [1]}),
    ("max(data.a)", {"a": [1, "x"]}), ("max(data.a)", {"a": []}), ("sorted(data.a)", {"a": [1, None]}), ("sorted(data.a, key=lambda l: l.x)", {"a": [{}]}), ("sorted(data.a, key=len)", {"a": [1]}),
    ("data.a.index('x')", {"a": ["y"]}), ("{x.id: x for x in data.a}", {"a": [{"id": []}]}), ("set(data.a)", {"a": [{}]}), ("dict(data.a)", {"a": [1]}), ("zip(data.a, data.b)", {"a": 1, "b": 2}),
    # paths that lead elsewhere
    ("data.a.b", {"a": "text"}), ("data.a.b", {"a": None}), ("data.a[0]", {"a": {"0": 1}}), ("data.a[9]", {"a": []}), ("data.a.lower()", {"a": 1}), ("data.a.items()", {"a": "x"}), ("data['__class__']", {"a": 1}),
    ("data.a.get('x')", {"a": []}), ("[x.y for x in data.a]", {"a": "text"}), ("[x.y for x in data.a]", {"a": {"k": 1}}), ("{**data.a}", {"a": [1]}), ("data.t[data.k]", {"t": {}, "k": {}}), ("data.a[:data.n]", {"a": [], "n": "x"}),
    # times, addresses, JSON
    ("parse_time(data.a)", {"a": "9" * 10**5}), ("parse_time(data.a, '%d %b')", {"a": "1" + " " * 10**4 + "x"}), ("iso(data.a)", {"a": 1e300}), ("iso(data.a)", {"a": "x"}), ("format_time(data.a, '%Y')", {"a": -1e17}),
    ("floor_time(data.a, 0)", {"a": 1}), ("truncate_ip(data.a)", {"a": "1.2.3.4.5"}), ("truncate_ip(data.a)", {"a": ":" * 10**4}), ("from_json(data.a)", {"a": "[" * 10**5}), ("from_json(data.a)", {"a": "9" * 10**5}),
    ("from_json(data.a)", {"a": "NaN"}), ("from_json(data.a)", {"a": 1}), ("parse_query(data.a)", {"a": 1}), ("matches('a+$', data.a)", {"a": 1}), ("find('(?P<x>a)', data.a).x", {"a": "b"}), ("hmac_sha256(data.a, 'k')", {"a": None}),
    # numbers that JSON has not
    ("data.a * 1e308", {"a": 10}), ("data.a * 2", {"a": 1.7e308}), ("data.a - data.b * 10.0", {"a": 1e308, "b": -1.7e308}), ("[data.a * 1e308 - 1e308 * data.a]", {"a": 10}), ("data.n * data.n * data.n * data.n * data.n", {"n": "1"}),
]


@cache
def _machine(formula: str) -> Machine:
    return _with(set={"x": "=" + formula})


def _with(**state: Any) -> Machine:
    states = [{"name": "s", "is_start": True, **state}, {"name": "out", "is_end": True}]
    return load({"states": states, "arcs": [{"from": "s", "to": "out"}]}, trusted=False)


@pytest.mark.parametrize(("formula", "record"), ATTACKS, ids=[f"{i}-{formula[:40]}" for i, (formula, _) in enumerate(ATTACKS)])
def test_attack_data_is_a_failure(formula: str, record: dict[str, Any]) -> None:
    """A record that an operator or a call cannot take, or that would make it large, fails alone, in both engines alike."""
    machine, raw = _machine(formula), [b'{"harmless":0}', orjson.dumps(record)]
    result, plain = machine.run(raw), machine.run_interpreted(raw)
    assert result.failures == plain.failures and result.rows == plain.rows == []
    assert [position for position, _ in result.failures] == [0, 1]


@pytest.mark.parametrize("last", [
    "str(t40)", "text(t40)", "f'{t40}'", "f'{t40!r}'", "f'{t40!a}'", "to_json(t40)", "unique(t40)", "to_int(t40)", "to_number([t40])", "parse_time(t40)", "from_json(t40)", "sha256(text(t40))",
    "sorted([t40, t0], key=str)", "sum(t40, [])", "group([{'k': t40}], 'k')", "','.join([str(x) for x in t40])",
])
def test_lists_that_hold_a_list_twice_are_not_written_out(last: str) -> None:
    """Forty lines of `[a, a]` are small in memory; what would write the last one out, to an error's text too, refuses."""
    lines = {"t0": "=data.a", **{f"t{i}": f"=[t{i - 1}, t{i - 1}]" for i in range(1, 41)}}
    machine = _with(let=lines, set={"x": "=" + last})
    for result in (machine.run([b'{"a":1}']), machine.run_interpreted([b'{"a":1}'])):
        assert [(f.reason, f.function) for _, f in result.failures] == [("transform", "set.x")]


@pytest.mark.parametrize("line", ["f'{t}{t}'", "f'{t!r}{t!a}'", "text(t, t)", "t + t", "t.join([t, t])", "t.replace('a', 'aa')", "replace('a', 'aa', t)"])
def test_texts_that_double_stop_at_their_limit(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever spelling doubles a text line by line ends in an OverflowError (the limit is 16 MiB, and less here)."""
    for module in (bounds, functions, patterns):
        monkeypatch.setattr(module, "MOST_TEXT", 10_000)
    lines = {"t0": "=data.a", **{f"t{i}": "=" + line.replace("{t", f"{{t{i - 1}").replace("t.", f"t{i - 1}.").replace("t)", f"t{i - 1})").replace("(t,", f"(t{i - 1},")
                                 .replace("[t, t]", f"[t{i - 1}, t{i - 1}]").replace("t + t", f"t{i - 1} + t{i - 1}") for i in range(1, 31)}}
    machine = _with(let=lines)
    failures = machine.run([b'{"a":"aa"}']).failures
    assert failures == machine.run_interpreted([b'{"a":"aa"}']).failures
    assert [f.error for _, f in failures] == ["OverflowError"]


@pytest.mark.parametrize("code", [
    "[data['a'].append(0) for x in data['a']]", "[data['a'].insert(0, x) for x in data['a']]", "[data['a'].extend(data['a']) for i in range(60)]", "data['a'].extend([0 for i in range(99999)])",
    "any(data['a'].append(x) for x in data['a'])", "data['o'].update({i: 0 for i in range(99999)})", "[data['o'].setdefault(i, 0) for i in range(99999)]",
])
def test_a_list_that_grows_while_it_is_read_ends(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inline code may change a list (331, a warning); one that grows under its own loop ends at the limit."""
    monkeypatch.setattr(bounds, "MOST_ITEMS", 1000)
    machine = _with(functions={"transform": f"lambda data, context: {{'n': {code}}}"})
    assert [f.error for _, f in machine.run([b'{"a":[1],"o":{}}']).failures] == ["OverflowError"]


def test_honest_records_pass() -> None:
    """The limits are far from what honest records need."""
    machine = _with(set={"a": "=[[j for j in range(i)] for i in range(50)]", "b": "=f'{data.t}-{data.n}-{data.l}-{data.t!r}'", "c": "=sum(data.l, 1)", "d": "=int(data.h, 16)",
                         "e": "=str(data.l)", "f": "=sorted(data.l, key=str)", "g": "=flatten([data.l, data.l])"})
    raw = [orjson.dumps({"t": "ö" * 5000, "n": 1, "l": [2, 10], "h": "ff"})]
    result = machine.run(raw)
    assert result.rows == machine.run_interpreted(raw).rows
    end = orjson.loads(result.rows[0][2])
    assert end["b"] == f"{'ö' * 5000}-1-[2, 10]-{'ö' * 5000!r}" and (end["c"], end["d"], end["e"], end["f"]) == (13, 255, "[2, 10]", [10, 2])


QUADRATIC = {"name": "x" * 50_000, "c": {"name": "y" * 50_000}, "tags": [0] * 50_000, "lines": [{"tags": [], "l": [{}] * 4}] * 500, "table": {}}


@pytest.mark.parametrize("item", [
    "text(data.name, 1)", "f'{data.name}'", "data.name + 'x'", "data.tags + l.tags", "data.name.upper()", "data.name.replace('x', 'y')", "[data.name, 1][0].lower()", "{'a': {'b': data.name.title()}}",
    "coalesce(data.nope, data.name).strip('y')", "case(l.tags, 1, data.c.name + 'x')", "to_json([data.name])", "data.tags[1:] + l.tags", "name + 'x'", "unique(data.tags)", "[text(data.name) for x in l.l]",
    "mask(data.name)", "data.name.split('y')", "{**data.table, 'a': name.lower()}", "(data.name if l else data.c.name).casefold()",
])
def test_a_loop_that_copies_from_outside_of_it_is_measured(item: str) -> None:
    """Half of a record may be one text and the other half the lines that each copy it: the loop asks for its size first."""
    machine = _with(let={"name": "=data.name"}, set={"x": f"=[{item} for l in data.lines]"})
    raw = [orjson.dumps(QUADRATIC), orjson.dumps({**QUADRATIC, "lines": QUADRATIC["lines"][:2]})]
    result = machine.run(raw)
    assert [(position, f.function, f.error) for position, f in result.failures] == [(0, "set.x", "OverflowError")]
    assert result.rows == machine.run_interpreted(raw).rows and len(result.rows) == 1


@pytest.mark.parametrize("item", ["l.sku == data.name", "l.sku in data.tags", "len(data.name)", "data.table[l.sku]", "data.table.get(l.sku)", "data.name.startswith(l.sku)", "sum(data.tags)", "data.rate * l.n",
                                  "{'a': l.sku, 'b': l.n + 1}", "matches('y', data.name)", "data.c"])
def test_a_loop_that_only_looks_outside_is_not(item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons, numbers, items of tables and references to objects copy nothing."""
    monkeypatch.setattr(bounds, "MOST_TEXT", 100_000)
    machine = _with(set={"x": f"=len([{item} for l in data.lines])"})
    raw = [orjson.dumps({**QUADRATIC, "tags": [0] * 2000, "rate": 2, "table": {"k": 1}, "lines": [{"sku": "k", "n": 1}] * 100})]
    result = machine.run(raw)
    assert result.rows == machine.run_interpreted(raw).rows and len(result.rows) == 1


def test_children_that_all_carry_the_same_object_end_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the children of one record come to is bounded, 64 MiB in safe machines: each of them is encoded for itself."""
    monkeypatch.setattr(delivery, "MOST_OUTPUT", 1_000_000)
    machine = _with(fan_out=[{"=for": "l in data.lines", "customer": "=data.c"}])
    raw = [orjson.dumps(QUADRATIC), orjson.dumps({**QUADRATIC, "lines": QUADRATIC["lines"][:3]})]
    result, plain = machine.run(raw), machine.run_interpreted(raw)
    assert result.failures == plain.failures and result.rows == plain.rows and len(result.rows) == 3
    assert [(position, f.reason) for position, f in result.failures] == [(0, "unencodable")] and result.states == plain.states


DOUBLING: list[dict[str, Any]] = [
    {"let": {"t0": "=data.a", **{f"t{i}": f"=[t{i - 1}, t{i - 1}]" for i in range(1, 60)}}, "set": {"x": "=t59"}},
    {"let": {"t0": "=data.a", **{f"t{i}": f"={{'a': t{i - 1}, 'b': t{i - 1}}}" for i in range(1, 60)}}, "record": {"x": "=t59"}},
    {"set": {f"x{i}": "=data" for i in range(60)}},
    {"set": {"x": [{"=for": "l in data.lines", "c": "=data.o"}]}}, {"record": {"x": ["=data.lines"] * 300}}, {"let": {"t": "=text(data.long)"}, "record": {"x": ["=t"] * 300}},
    {"functions": {"transform": "lambda state: {'x': [state.data['o'] for i in range(99999)]}"}},
    {"functions": {"transform": "lambda state: {**state.data, 'x': [state.data['lines']" + ", state.data['lines']" * 300 + "]}"}},
]


@pytest.mark.parametrize("state", DOUBLING)
def test_an_output_that_holds_a_part_over_and_over_is_not_written(state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Small in memory and huge as JSON: the encoder would take all memory there is, so such machines measure first (the limit is less here)."""
    monkeypatch.setattr(bounds, "MOST_TEXT", 1_000_000)
    machine = _with(**state)
    raw = [orjson.dumps({"a": [1], "o": {"k": "x" * 10_000}, "lines": [{}] * 5000, "long": "x" * 10_000})]
    result, plain = machine.run(raw), machine.run_interpreted(raw)
    assert result.failures == plain.failures and [f.reason for _, f in result.failures] == ["unencodable"]
    assert machine.bind(failure_values=True).run(raw).failures == result.failures


def test_a_loop_of_states_that_doubles_a_record_is_not_written() -> None:
    """Nor is what only a cycle makes large, nor a table of define that holds itself over and over."""
    states = [{"name": "s", "is_start": True, "set": {"n": "=data.n + 1", "x": "=[data.x, data.x]"}}, {"name": "out", "is_end": True}]
    arcs = [{"from": "s", "to": "s", "condition": "data.n < 50"}, {"from": "s", "to": "out", "else": True}]
    machine = load({"states": states, "arcs": arcs, "define": {"t0": [1], **{f"t{i}": f"=[t{i - 1}, t{i - 1}]" for i in range(1, 50)}}}, trusted=False)
    assert [f.reason for _, f in machine.run([b'{"n":0,"x":1}']).failures] == ["unencodable"]


@pytest.mark.parametrize("state", [
    {"set": {"total": "=data.a * 2", "mail": "=data.mail.lower()", "b": "=data.b", "c": "=data.c", "d": "=text(data.a, data.b)"}}, {"record": {"a": "=data.a", "b": "=data.b", "c": {"d": "=data.d", "e": ["=data.e"]}}},
    {"let": {"n": "=to_int(data.n)"}, "record": {"n": "=n", "m": "=n + 1", "o": "=[n, n, n]"}}, {"fan_out": [{"=for": "l in data.lines", "id": "=data.id", "at": "=data.at", "sku": "=l.sku"}]},
    {"functions": {"transform": "lambda state: {**state.data, 'x': state.data['y'] * 2}"}},
])
def test_ordinary_machines_are_not_measured(state: dict[str, Any]) -> None:
    """Copies of fields, numbers and children cost nothing."""
    assert not multiplies(_with(**state).definition)


@pytest.mark.parametrize("document", [
    {"let": {"_fsm_mul": 1}}, {"let": {"__x__": 1}}, {"let": {"ｌｅｎ": 1}}, {"let": {"＿fsm_mul": 1}}, {"let": {"None": 1}}, {"let": {"if": 1}}, {"let": {"data": 1}}, {"let": {"text": 1}}, {"let": {"a b": 1}},
    {"set": {"x": {"=for": "x in data.a"}}}, {"set": {"x": [{"=for": "_fsm_x in data.a", "=value": 1}]}}, {"set": {"x": [{"=for": "range in data.a", "=value": 1}]}},
    {"set": {"x": [{"=for": "x in data.a for y in x", "=value": 1}]}}, {"set": {"x": [{"=for": "x in data.a", "=value": [{"=for": "y in data.b", "=value": 1}]}]}},
    {"set": {"x": [{"=for": "x in open('x')", "=value": 1}]}}, {"set": {"x": [{"=if": "open('x')", "=value": 1}]}}, {"set": {"x": [{"=for": "x in data.a", "k?": "=eval(x)"}]}},
    {"set": {"x": {"y": {"z": "=data.__class__"}}}}, {"set": {"x": [["=().__class__"]]}}, {"set": {"x?": "=data.a.__class__"}}, {"record": "=open('x')"}, {"record": {"a?": "=_fsm_read(data, 1)"}},
    {"fan_out": [{"=for": "x in data.a", "a": "=x.mro()"}]}, {"require": ["__import__('os')"]}, {"require": [{"condition": "data.a", "message": "=open('x')"}]}, {"let": {"a": "=eval('1')"}},
    {"functions": {"validate": "lambda state: open('x')"}}, {"functions": {"transform": {"type": "inline", "code": "lambda state: __builtins__"}}}, {"functions": {"transform": {"ref": "os:system"}}},
    {"functions": {"transform": {"ref": "f", "args": {"x": "=open('x')"}}}}, {"functions": {"transform": "def f(state):\n    return state.data"}}, {"transforms": ["lambda state: state.data.mro()"]},
    {"validators": [{"code": "lambda state: type(state)"}]}, {"set": {"x": ["=" + "-" * 101 + "1"]}}, {"set": {"x": "=0x" + "f" * 1100}},
])
def test_every_place_is_judged(document: dict[str, Any]) -> None:
    """Whatever key of a state holds it, and however deep in a template, an attack is an error of the document."""
    with pytest.raises(DocumentError):
        _with(**document)


@pytest.mark.parametrize("arc", [
    {"condition": "open('x')"}, {"condition": "lambda state: open('x')"}, {"message": "=eval('1')"}, {"transform": "lambda state: state.__class__"}, {"transform": "lambda data, ctx: ctx.clear.__self__"},
    {"switch": "data.__class__", "cases": {"a": "out"}}, {"switch": "(lambda: 1)()", "cases": {"a": "out"}},
])
@pytest.mark.parametrize("end", [{}, {"key": "=open('x')"}, {"headers": {"h": "=data.__class__"}}, {"timestamp": "=globals()"}, {"message": "=vars()"}])
def test_arcs_and_ends_are_judged(arc: dict[str, Any], end: dict[str, Any]) -> None:
    """Arcs and ends are places like any other."""
    states = [{"name": "s", "is_start": True}, {"name": "out", "is_end": True, **end}]
    for taken in (arc, {}) if end else (arc,):
        with pytest.raises(DocumentError):
            load({"states": states, "arcs": [{"from": "s", "to": "out", **taken}]}, trusted=False)
