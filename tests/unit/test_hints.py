"""What people write who come from other languages, and what `check` tells them."""

from __future__ import annotations

import pytest

from fsm_core import check


def hint_of(condition: str) -> str:
    """The hint of the only error of a machine with this condition."""
    states = [{"name": "in", "is_start": True}, {"name": "output", "is_end": True}]
    arcs = [{"from": "in", "to": "output", "condition": condition}, {"from": "in", "to": "output", "else": True}]
    found = [f for f in check({"name": "hinted", "params": {"limit": 1}, "states": states, "arcs": arcs}, trusted=False) if f.severity == "error"]
    assert len(found) == 1
    return found[0].hint


@pytest.mark.parametrize(("condition", "hint"), [
    ("data.a = 'x'", "`==` compares"), ("f(data.a) = '== is text'", "`==` compares"), ("data.a && data.b", "`and`, `or`, `not`"), ("data.a > ‘x’", "straight quotes: 'text'"),
    ("'x' if data.a > 5,000 else 'y'", "a number has a point, and nothing between its thousands: 5000.5"), ("!data.a", "`not` negates, `!=` is unequal"),
    ("data.a in =data.b", "no = after `in`"), ("data.a => 3", "`>=`, `<=`, `!=`"), ("data.a ? 1 : 2", "`a if condition else b`"), ("data.from == 'x'", "a name that is a Python word is written data['from']"),
    ("data.a contains 'x'", "`'x' in data.name`, or matches('x', data.name)"), ("${data.a} == 1", "a field is data.name"),
    ("if data.a: 1", "a condition stands alone; a choice is `a if condition else b`"), ("(data.a == 'a = b'", "in { } a comma ends the value: put quotes around the whole formula"), ("data.a data.b", ""),
    ("=data.a", "what is always a formula takes no = in front"), ("data.a > limit", "write params.limit"), ("data.a == true", "write True"), ("data.a is null", "write None"), ("now() > 3", "write state.now"), ("a == 3", "a field is data.a"),
    ("data.user-agent == 'x'", "a name that is no word is written data['user-agent']"), ("tonumber(data.a) > 1", "did you mean 'to_number'?"),
    ("lenght(data.a) > 1", "did you mean 'len'?"), ("data.a.length() > 1", "write len(…)"), ("data.a.uper() == 'X'", "did you mean 'upper'?")])
def test_hint(condition: str, hint: str) -> None:
    """The likely intention, and nothing where nothing looks familiar."""
    assert hint_of(condition) == hint
