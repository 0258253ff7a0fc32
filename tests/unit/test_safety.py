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
    # names that Python would normalise into forbidden ones
    "data.__ｃｌａｓｓ__", "().__ⅽlass__", "ｅｖａｌ('1')", "ｏｐｅｎ('x')", "_ｆｓｍ_mul(1, 2)", "data.x.ｆｏｒｍａｔ(1)", "__ｉｍｐｏｒｔ__('os')",
    # names of the generated code and of the guards
    "_d", "_st", "_raw", "_now", "_interpret(1)", "_loads(data.x)", "_fsm_ranges(10 ** 9)", "_fsm_meter()", "[_fsm_x for _fsm_x in data.a]",
    "sorted(data.a, key=lambda _fsm_mul: _fsm_mul)", "lambda _fsm_mul: _fsm_mul", "[__x__ for __x__ in data.a]", "_fsm_grow('append', data.a, 1)",
    # functions as values
    "dict(key=str)", "dict(key=str)['key'](1)", "text(key=len)", "zip(data.a, key=int)", "data.get('x', key=str)", "[int, str]", "{'f': len}",
    "sorted(data.a, key=dict)", "sorted(data.a, key=sorted)", "sorted(data.a, key=data.f)", "max(data.a, default=open)", "coalesce(print, 1)",
    "case(data.a, eval, 0)", "isinstance(data.a, object)", "isinstance(data.a, type(data))", "isinstance(data.a, (int, [].__class__))",
    "sum(data.a, key=len)", "data.a.copy(key=len)", "dict(**data.a)['x'].mro()",
    # calls and arguments
    "(lambda f: f(f))(lambda f: f(f))", "data.f(1)", "data['f'](1)", "text(*data.a)", "data.x.join(*data.a)", "{**open}",
    "lambda state, *a: 1", "lambda state, **k: 1", "sorted(data.a, key=lambda x, y=open: x)", "sorted(data.a, key=lambda *x: x)", "lambda state, /: 1",
    # texts that grow or leak
    "f'{data.x!r:>9}'", "f'{data.x:{10 ** 9}}'", "f'{data.__class__}'", "f'{open}'", "f'{f\'{data.__dict__}\'}'", "'%s' % open", "'{}'.format(1)", "str.join(',', data.a)",
    "data.x.expandtabs(10 ** 9)", "data.x.encode('utf-16')", "data.x.maketrans({})", "data.x.format_map(data)", "data.x.rjust(data.n)", "data.x.zfill(1001)",
    "data.x.center(*[9])", "bytes(10 ** 9)", "bytearray(data.n)", "complex(1)", "chr(data.n)", "ord(data.x)", "hash(data.x)", "repr(data)", "ascii(data)", "format(data.x, '9')",
    "pow(2, data.n)", "round(data.x, 1001)", "round(ndigits=data.n, number=data.x)", "map(str, data.a)", "filter(None, data.a)", "iter(data.a)", "next(data.a)",
    "slice(1)", "frozenset(data.a)", "id(data)", "callable(data)", "delattr(data, 'x')", "hasattr(data, 'x')", "issubclass(int, int)", "exit()", "quit()", "help()", "copyright()",
    # attributes of constants and of what calls give
    "''.__class__", "(1).real.__class__", "(1.5).as_integer_ratio()", "[].__len__()", "{}.__contains__(1)", "'x'.__format__('9')", "text(1).__class__", "lambda state: 'x'.upper",
    "lambda state: state.meta.__dict__", "lambda state: state.error.args", "lambda state: state._meta", "lambda state: state.child({})", "lambda state: state.lets", "lambda state: (1).real",
    "lambda state: state.data['a'].sort(key=open)", "lambda state: state.data.setdefault(open, 1)", "lambda state: state.data.fromkeys([1])", "lambda state: state.meta.topic.__class__",
    # loops
    "[x for x in data.a if (y := x)]", "[x async for x in data.a]", "[await x for x in data.a]", "{x: y for x in data.a for y in x}", "[[y for y in range(9)] for x in data.a]",
    "[x for data.x in data.a]", "[1 for data['x'] in data.a]", "[1 for [x] in data.a]", "[sum(y for y in data.b) for x in data.a]", "sorted(data.a, key=lambda x: [y for y in data.b for z in y])",
    "[params for params in data.a]", "[text for text in data.a]", "{state: 1 for state in data.a}",
    # patterns
    "matches(r'(a|aa)+$', data.x)", "matches(r'(a?a?)*b', data.x)", "matches(r'(.|\\s\\s)*x', data.x)", "matches(r'(a{1,9}){1,99}$', data.x)", "find(r'(?P<x>(a+)*)', data.x)",
    "replace(r'(?:a?a?x|b)*$', '', data.x)", "matches(f'{data.x}', data.x)", "matches('a' + data.x, data.x)", "matches(pattern=data.p, x=data.x)", "replace('a', data.by.x, data.x)", "parse_time(data.x, data.f)",
    "matches(r'(?P<a>x)(?P<a>y)', data.x)", "matches('[', data.x)", "matches('(?i', data.x)", "matches('a{99999999999}', data.x)",
    # sizes of the text itself
    "0x" + "f" * 1100, "-" * 150 + "1", "not " * 150 + "1", "data" + ".a" * 150, "data" + "[0]" * 150, "+".join(["1"] * 150), "[" * 150 + "]" * 150,
    " if 1 else ".join(["1"] * 150), "case(" + "data.n, 1, " * 150 + "0)", "'" + "x" * 20_001 + "'", "9" * 5000, "lambda state: " + "(" * 90 + "lambda x: " * 20 + "1" + ")" * 90,
    # statements and syntax
    "del data.x", "import os", "data.x = 1", "data.x += 1", "x: int", "assert data", "raise data", "return 1", "with open('x') as f: f", "try: 1\nexcept: 2", "@open\ndef f(state):\n    return 1",
    "class X: pass", "lambda state: (yield from [1])", "\x00", "lambda state: [lambda x: x]", "sorted([lambda x: x], key=data.f)", "match data:\n  case _: 1", "print 1", "`data`", "data!r", "u'x' b'y'",
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
