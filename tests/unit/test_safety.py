"""The attack strings: what a safe document, and any formula, must refuse before it runs."""

from __future__ import annotations

from typing import Any

import pytest

from fsm_core.expressions import build, judge, make_namespace, parse_code

ATTACKS = [
    "__import__('os').system('id')", "lambda state: __import__('time').time()", "lambda state: state.__class__",
    "().__class__.__base__.__subclasses__()", "data.__class__", "data.__class__()", "data['x'].__class__.__mro__",
    "lambda state: ().__class__.__bases__[0]", "lambda state: state.data.__init__.__globals__", "__builtins__['eval']",
    "eval('1')", "exec('1')", "compile('1', '', 'eval')", "open('x').read()", "getattr(data, 'x')", "setattr(data, 'x', 1)",
    "globals()", "locals()", "vars(data)", "dir(data)", "type(data)", "type('X', (), {})", "input()", "breakpoint()",
    "print(1)", "super()", "object()", "memoryview(b'')", "bytes(10)", "bytearray(10)", "'{0.__class__}'.format(data)",
    "'{x.__class__}'.format_map(data)", "f'{data.x:>1000000000}'", "f'{data.x:{data.w}}'", "data.x.zfill(data.n)",
    "data.x.ljust(10 ** 9)", "data.x.center(1000000000)", "round(data.x, data.n)", "round(data.x, ndigits=-data.n)",
    "(lambda x: x)(1)", "[range][0](10)", "(range)", "(r := range)(10)", "lambda state: (x := 1)",
    "lambda state: [x for x in [1] for y in [2]]", "[x for x in data.a for y in data.b]", "(yield 1)", "lambda state: (yield)",
    "b'bytes'", "1j", "...", "data.x.encode()", "data.x.translate(data.t)", "data.x.mro()", "str.mro()", "str.format('{}', 1)",
    "max(*data.x)", "text(**data)", "_fsm_mul(1, 2)", "data._fsm_mul", "lambda state: state.gi_frame", "lambda state: state.data.gi_code",
    "lambda state: (i for i in [1]).gi_frame.f_back", "lambda state: state._State__x", "lambda state: state.context.x",
    "def f(state):\n    return state.data", "async def f(state):\n    return 1", "lambda state: [lambda x=open: x]",
    "[str for str in data.a]", "[data for data in data.a]", "sorted(data.x, key=lambda range: range)",
    "lambda state: [x for x in state.data['a'] if any(y for y in state.data['b'])]", "any(x == y for x in data.a for y in data.b)",
    "[[y for y in data.b] for x in data.a]", "has", "text", "state", "state.secrets", "params.undeclared", "nowhere",
    "data.x.append(1)", "data.update({})", "data.pop('x')", "(y := data.x)", "lambda *a: 1", "lambda state, x=open: x",
    "lambda: 1", "lambda a, b, c: 1", "has(1)", "has()", "case(1, 2)", "coalesce()",
    "matches(r'(a+)+$', data.x)", "matches(data.p, data.x)", "replace('a', data.by, data.x)", "find('(', data.x)", "iso()",
    "format_time(1, data.f)", "round_half_up(data.x, data.n)", "matches(r'(?:(?:a*)b)*', data.x)",
]

BLOWUPS = [
    ("data['a'] * data['n']", {"a": "x", "n": 10**8}), ("data.a * data.n", {"a": [0], "n": 10**8}),
    ("data.n * data.a", {"a": "x", "n": 10**8}), ("data.a % data.n", {"a": "%1000000000d", "n": 1}),
    ("data.a << data.n", {"a": 1, "n": 10**9}), ("data.a ** data.n", {"a": 10, "n": 10**9}),
    ("data.a ** data.n ** data.n", {"a": 9, "n": 9}), ("range(data.n)", {"n": 10**9}), ("list(range(data.n))", {"n": 10**20}),
    ("data.a.join(data.n)", {"a": "x" * 10**6, "n": ["y"] * 100}), ("data.a.replace('', data.a)", {"a": "x" * 10**5}),
    ("data.a + data.n", {"a": "x", "n": 1}), ("data.a + data.n", {"a": (1,), "n": (2,)}),
    ("replace('a', '" + "b" * 400 + "', data.a)", {"a": "a" * 10**5}), ("'x' * 100000000", {}), ("[0] * 100000000", {}), ("2 ** 100000", {}), ("data.n * data.n", {"n": 2**4000}),
]


@pytest.mark.parametrize("text", ATTACKS)
def test_attack_is_refused(text: str) -> None:
    """A safe document refuses every attack string with an error, before anything runs."""
    try:
        code = parse_code(text)
    except SyntaxError:
        return
    assert any(f.severity == "error" for f in judge(code, trusted=False))


@pytest.mark.parametrize(("text", "data"), BLOWUPS)
def test_hostile_data_is_refused(text: str, data: dict[str, Any]) -> None:
    """An operator or call that hostile data would blow up raises at once in safe mode."""
    code = parse_code(text)
    assert not judge(code, trusted=False)
    function = build(code, make_namespace(trusted=False, params={}), trusted=False)
    with pytest.raises((TypeError, OverflowError, AttributeError)):
        function(data, None, {})


def test_safe_namespace_has_nothing_else() -> None:
    """Even if a name got past the allow-list, safe code would not find it."""
    scope = make_namespace(trusted=False, params={})
    with pytest.raises(NameError):
        eval("open", scope)


@pytest.mark.parametrize("text", ["1) + (2", "1] + [2", "1\n) + (\n2", "a\nb", "", "x = 1", "import os", "1; 2", "(" * 3000])
def test_no_expression_is_a_syntax_error(text: str) -> None:
    """Text that is not one expression or one def is refused as syntax, whatever it is."""
    with pytest.raises(SyntaxError):
        parse_code(text)
