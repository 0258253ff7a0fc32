"""The analysis of lets, requires, switches, pushes and fan-outs, on definitions that no document had to say."""

from __future__ import annotations

from typing import Any

import pytest

from fsm_core.checks.checking import warnings_of
from fsm_core.definition import Arc, Assign, Catch, Code, Define, Definition, Let, Network, Remove, Rename, Require, Retry, State, Switch, Way
from fsm_core.expressions import parse_code

END = State("end", is_end=True, outcome="output")


def assign(path: str, text: str) -> Assign:
    """A line of `set`."""
    return Assign(tuple(path.split(".")), formula(text), path)


def formula(text: str, *lets: str) -> Code:
    """A formula that reads those lets."""
    code = parse_code(text)
    return Code("formula", text, code.tree, lets=lets)


def said(*states: State, arcs: tuple[Arc, ...] = (), **more: Any) -> dict[int, str]:
    """Severity by code, of all but 900."""
    known = {s.name: s for s in (*states, END)}
    definition = Definition("m", "", "", states[0].name, known, arcs or tuple(
        Arc(a.name, b.name) for a, b in zip(states, (*states[1:], END), strict=True) if not a.is_end), False, **more)
    return {f.code: f.severity for f in warnings_of(definition) if f.code != 900}


VAT = Define("vat", None, formula("{'DE': 0.19, 'FR': 0.2}"))


@pytest.mark.parametrize(("state", "codes"), [
    (State("a", lets=(Let("c", formula("data.c.strip()")),), requires=(Require(formula("c in vat", "c")),), assigns=(assign("x", "vat[c]"),)), {}),
    (State("a", lets=(Let("c", formula("data.c.strip()")),), assigns=(Assign(("x",), formula("vat[c]", "c"), "x"),)), {313: "info"}),
    (State("a", lets=(Let("c", formula("data.c.strip()")),)), {303: "info"}),
    (State("a", requires=(Require(formula("data.u in ['C', 'F']")),), assigns=(assign("x", "{'C': 1, 'F': 2}[data.u]"),)), {}),
    (State("a", keep=("id",), message=formula("'x'")), {322: "info"}),
    (State("a", record=formula("{'id': data.id, **({'m': data.m} if has(data.m) else {})}")), {}),
    (State("a", retry=Retry()), {340: "warning"}),
    (State("a", assigns=(assign("x", "data.y"),), catches=(Catch((), "end"), Catch(("KeyError",), "end"))), {341: "warning"}),
    (State("a", assigns=(assign("x", "data.y"),), catches=(Catch(("KeyError",), "end"), Catch((), "end"))), {}),
    (State("a", assigns=(assign("x", "data.y"),), catches=(Catch(("LookupError",), "end"), Catch(("KeyError",), "end"))), {341: "warning"}),
])
def test_a_state(state: State, codes: dict[int, str]) -> None:
    """What is said of one state."""
    assert said(state, defines=(VAT,)) == codes


@pytest.mark.parametrize(("first", "read", "codes"), [
    (State("a", keep=("id", "x")), "data.y", {301: "warning"}), (State("a", keep=("id",), assigns=(assign("id", "1"),)), "data.id", {}),
    (State("a", removes=(Remove(("tmp",), "tmp"),)), "data.tmp", {301: "warning"}), (State("a", removes=(Remove(("tmp",), "tmp"),)), "data.t", {}),
    (State("a", record=formula("{'a': {'b': data.x}}"), renames=(Rename(("a", "b"), ("c", "d"), ""),)), "data.c.d", {}),
    (State("a", record=formula("{'a': {'b': data.x}}"), renames=(Rename(("a", "b"), ("c", "d"), ""),)), "data.a.b", {301: "warning"}),
    (State("a", record=formula("{'id': data.id, **({'m': data.m} if has(data.m) else {})}")), "data.id", {}),
    (State("a", fan_out=formula("[{'n': n, 'u': p.u} for n, p in enumerate(data.pages)]")), "data.n + 1", {}),
    (State("a", fan_out=formula("[{'n': n, 'u': p.u} for n, p in enumerate(data.pages)]")), "data.m", {301: "warning"}),
    (State("a", fan_out=formula("[{'n': n, 'u': p.u} for n, p in enumerate(data.pages)]")), "data.n.strip()", {320: "warning"}),
])
def test_what_a_step_leaves(first: State, read: str, codes: dict[int, str]) -> None:
    """What the next state may read."""
    assert said(first, State("b", assigns=(assign("z", read),))) == codes


SCHEMA = {"type": "object", "required": ["kind", "n"], "properties": {"kind": {"enum": ["x", "y"]}, "n": {"type": "integer"}, "m": {"type": "string"}}}


@pytest.mark.parametrize(("read", "codes"), [
    ("data.n + 1", {}), ("data.m", {302: "warning"}), ("coalesce(data.m, '')", {}), ("data.k", {301: "warning"}), ("data.n.strip()", {320: "warning"}),
    ("{'x': 1, 'y': 2}[data.kind]", {}), ("{'x': 1}[data.kind]", {313: "warning"}),
])
def test_with_a_schema(read: str, codes: dict[int, str]) -> None:
    """A schema makes what is known of the input sure."""
    assert said(State("a", assigns=(assign("z", read),)), input_schema=SCHEMA) == codes


@pytest.mark.parametrize(("cases", "default", "codes"), [
    ({"x": "end", "y": "end"}, None, {}), ({"x": "end"}, None, {216: "warning", 210: "warning"}), ({"x": "end"}, "end", {}), ({"x": "end", "y": "end", "zz": "end"}, None, {216: "warning"}),
])
def test_a_switch(cases: dict[str, str], default: str | None, codes: dict[int, str]) -> None:
    """Its cases are those of the schema."""
    switch = Switch(formula("data.kind"), {k: Way(v) for k, v in cases.items()}, None if default is None else Way(default))
    assert said(State("a"), arcs=(Arc("a", "", switch=switch),), input_schema=SCHEMA) == codes


def test_a_push_is_followed_from_each_caller() -> None:
    """What one caller's record holds is not mixed with another's."""
    inner = State("sub/s", is_start=True, is_end=True, returns=True, network="sub", outcome="output", assigns=(assign("s", "1"),))
    states = (State("a", record=formula("{'k': data.k}")), State("l", assigns=(assign("left", "1"),)), State("r", assigns=(assign("right", "1"),)),
              State("l2", assigns=(assign("z", "data.left + data.s"),)), State("r2", assigns=(assign("z", "data.right"),)), inner)
    arcs = (Arc("a", "l", formula("data.k")), Arc("a", "r", is_else=True), Arc("l", "l2", push="sub"), Arc("r", "r2", push="sub"), Arc("l2", "end"), Arc("r2", "end"))
    assert said(*states, arcs=arcs, networks={"sub": Network("sub", "sub/s")}) == {}
