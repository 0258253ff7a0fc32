"""Formulas mean what language.md says."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from fsm_core.expressions import build, executable, judge, make_namespace, parse_code, rewrite_formula

DATA: dict[str, Any] = {"a": 1, "items": [{"x": 1}, {"x": 2}], "s": " Hi ", "o": {"b": {"c": None}}, "q": "7", "f": 2.0}


def run(text: str, data: dict[str, Any] = DATA) -> Any:
    """The value of a formula in safe mode."""
    code = parse_code(text)
    assert code.kind == "formula" and judge(code, trusted=False, params=["p"]) == []
    state = SimpleNamespace(data=data, now=5.0, meta={"key": "k"}, error=None, context={}, message=None)
    params = {"p": 9}
    return build(code, make_namespace(trusted=False, params=params), trusted=False)(data, state, params)


@pytest.mark.parametrize(("text", "plain"), [
    ("data.a", "data['a']"), ("data.items", "data['items']"), ("data.items()", "data.items()"), ("state.data.a", "data['a']"),
    ("state.data['a'].b", "data['a']['b']"), ("state.meta.key", "state.meta['key']"), ("state.now", "state.now"),
    ("params.p", "params['p']"), ("data.s.strip().upper()", "data['s'].strip().upper()"),
    ("[i.x for i in data.items]", "[i['x'] for i in data['items']]"), ("state.data.get('a', 1)", "data.get('a', 1)"),
    ("case(data.a, 1, 2)", "1 if data['a'] else 2"), ("state.error.message", "state.error['message']"),
])
def test_dot_rule(text: str, plain: str) -> None:
    """A dot that is not called is a read of a field; a called one is a method."""
    tree = parse_code(text).tree
    assert tree is not None
    before = ast.dump(tree)
    assert ast.unparse(rewrite_formula(tree)) == plain
    assert ast.dump(tree) == before


@pytest.mark.parametrize(("text", "value"), [
    ("data.a + 1", 2), ("data['a'] * 3", 3), ("data.s.strip().lower()", "hi"), ("[i.x for i in data.items if i.x > 1]", [2]),
    ("coalesce(data.none, data.o.b.c, data.a)", 1), ("coalesce(data.none.deep)", None), ("coalesce(data.items[5].x, 0)", 0),
    ("coalesce(data.items[-1].x, 0)", 2), ("coalesce(data.a.b, 'no')", "no"), ("has(data.a)", True), ("has(data.o.b.c)", False),
    ("has(data.items[1].x)", True), ("case(data.a > 1, 'big', data.a == 1, 'one', 'small')", "one"),
    ("to_int(data.q)", 7), ("to_int(data.f)", 2), ("to_int('1_000', None)", None), ("to_int('007', d=0)", 0),
    ("to_int(True, None)", None), ("to_int(' 5 ')", 5), ("to_number('1.5')", 1.5), ("to_number('1e2')", 100.0),
    ("to_number('nan', 0)", 0), ("to_int('99999999999999999999', None)", None),
    ("text('n: ', data.a, ' ', None, True, ' ', data.o)", 'n: 1 true {"b":{"c":null}}'), ("f'{data.a}-{data.q}'", "1-7"),
    ("params.p", 9), ("state.now - 1", 4.0), ("state.meta.key", "k"), ("sorted(data.items, key=lambda i: -i.x)[0].x", 2),
    ("isinstance(data.a, (int, float)) and not isinstance(data.a, bool)", True), ("{**data}['a']", 1),
    ("round(data.f / 3, 2)", 0.67), ("sum(i.x for i in data.items)", 3), ("data.get('zz', 4)", 4), ("2 ** 10 % 7", 2),
    ("','.join(['a', 'b'])", "a,b"), ("data.s.replace('H', 'J')", " Ji "), ("list(range(3))", [0, 1, 2]),
    ("any(i.x == 2 for i in data.items)", True),
    ("clip(12, 0, 10)", 10), ("round_half_up(2.675, 2)", 2.68), ("round_half_up(-0.5, 0)", -1.0), ("parse_time('2026-01-01')", 1767225600.0),
    ("parse_time('1970-01-01T00:00:10Z')", 10.0), ("parse_time('x', None, 0)", 0), ("parse_time('x', d=0)", 0), ("parse_time(5)", 5),
    ("parse_time('02/Jan/1970:01:00:00 +0100', '%d/%b/%Y:%H:%M:%S %z')", 86400.0), ("iso(0)", "1970-01-01T00:00:00Z"),
    ("iso(1.5)", "1970-01-01T00:00:01.500000Z"), ("format_time(0, '%Y')", "1970"), ("floor_time(125, 60)", 120),
    ("matches(r'(?i)h(i|o)', data.s)", True), ("find(r'(?P<h>H)(?P<z>z)?', data.s)", {"h": "H", "z": None}), ("find('q', data.s)", None),
    ("matches(r'(\\d{1,3}\\.){3}', '1.2.3.')", True), ("replace('(H)', r'<\\1>', data.s)", " <H>i "), ("mask('12345678')", "****5678"),
    ("sha256('b', salt='a')", "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"),
    ("len(hmac_sha256('a', 'k'))", 64), ("truncate_ip('203.0.113.9')", "203.0.113.0"), ("truncate_ip('2001:db8:1:2::1')", "2001:db8:1::"),
    ("from_json('[1, NaN]', None)", None), ("from_json('{\"a\": 1}').a", 1), ("to_json(data.o)", '{"b":{"c":null}}'),
    ("parse_query('a=1&b=&a=2')", {"a": "2", "b": ""}), ("flatten([[1], [2, [3]]])", [1, 2, [3]]), ("unique([1, 1.0, True, {'a': 1}, {'a': 1}])", [1, True, {"a": 1}]),
    ("group(data.items, 'x')", {"1": [{"x": 1}], "2": [{"x": 2}]}),
    ("coalesce(data.zz, case(has(data.a), data.a, 0))", 1),
])
def test_formula_value(text: str, value: Any) -> None:
    """A formula in safe mode has the value that Python would give, missing paths aside."""
    result = run(text)
    assert result == value and type(result) is type(value)


def test_missing_field_raises() -> None:
    """A read of a missing field raises KeyError, also as the argument of a helper."""
    with pytest.raises(KeyError):
        run("to_int(data.zz, None)")


@pytest.mark.parametrize(("text", "kind"), [
    ("lambda state: state.data", "inline"), ("def f(state):\n    return state.data", "inline"), ("data.a", "formula"),
    ("\n   data.a\n     and data.b\n", "formula"), ("lambda state: {\n   'a': 1\n }", "inline"), ("(data.a) + (data.b)", "formula"),
    ("data.a\n or (data.b)", "formula"),
])
def test_kinds(text: str, kind: str) -> None:
    """A lambda or def is inline code; any other text is a formula, also over several lines."""
    assert parse_code(text).kind == kind


def test_trusted_code_is_plain_python() -> None:
    """Trusted inline code may import and is not guarded; a trusted formula still obeys the allow-list."""
    code = parse_code("lambda state: __import__('time').time() and 'x' * 3")
    assert judge(code, trusted=True) == []
    assert build(code, make_namespace(trusted=True, params={}), trusted=True)(None) == "xxx"
    assert [f.code for f in judge(parse_code("__import__('time')"), trusted=True)] == [410]


@pytest.mark.parametrize(("text", "good"), [
    ("lambda state, t=__import__('time'): t.time()", True), ("lambda data, ctx: data", True), ("lambda: 1", False),
    ("lambda a, b, c: 1", False), ("lambda s, *, k: 1", False), ("lambda s: math.pi", False), ("lambda *a: 1", False),
])
def test_trusted_parameters(text: str, good: bool) -> None:
    """Trusted inline code needs one or two parameters; more of them have defaults. A name that nothing binds is found."""
    assert (judge(parse_code(text), trusted=True) == []) is good


def test_trusted_def_runs() -> None:
    """A trusted def is one function."""
    code = parse_code("def f(state):\n    import math\n    return math.floor(state)")
    assert build(code, make_namespace(trusted=True, params={}), trusted=True)(1.5) == 1


def test_guards_only_in_safe_mode() -> None:
    """Guards are inserted in safe documents and not in trusted ones."""
    code = parse_code("data.a * 2")
    trusted, safe = executable(code, trusted=True), executable(code, trusted=False)
    assert ast.unparse(trusted) == "data['a'] * 2" and ast.unparse(safe) == "_fsm_mul(data['a'], 2)"


def test_mutation_is_a_warning_in_inline_code() -> None:
    """Inline code that changes in place is warned of (331); in a formula that is an error."""
    inline = judge(parse_code("lambda state: state.context.update({'a': 1})"), trusted=False)
    assert [(f.code, f.severity) for f in inline] == [(331, "warning")]
    assert [(f.code, f.severity) for f in judge(parse_code("data.update({})"), trusted=True)] == [(331, "error")]
