"""A finding about a part of a formula or of inline code stands at that part, in the file and however the text is written there."""

from __future__ import annotations

import pytest

from fsm_core.checks import check
from fsm_core.checks.checking import check_document
from fsm_core.document import read_text
from fsm_core.document.spelling import Spelling

HEAD = "states:\n- name: s\n  is_start: true\n"
TAIL = "- {name: o, is_end: true}\narcs:\n- {from: s, to: o}\n"

# `§` is not part of the text: it stands where the finding is to be.
CASES = [
    # how YAML writes a text
    (110, "  set: {x: =data.a + §nope}\n"), (110, "  set:\n    x: =data.a + §nope   # a comment\n"), (110, "  set:\n    x:   =  §nope\n"), (110, "  set: {x: \"=data.a + §nope\"}\n"),
    (110, "  set: {x: '=data.a + §nope'}\n"), (110, "  set: {x: ' = data.a + §nope '}\n"), (110, "  set: {\"x\": &here =data.a + §nope}\n"), (110, "  set: {x: !!str =data.a + §nope}\n"),
    (110, "  set:\n    x: |\n      =data.a\n        + §nope\n"), (110, "  set:\n    x: |-\n      =§nope\n"), (110, "  set:\n    x: |2-\n        =data.a +\n         §nope\n"),
    (110, "  set:\n    x: |\n\n      =data.a\n\n        + §nope\n"), (110, "  set:\n    x: |  # a comment\n      =\n      data.a + §nope\n"), (110, "  set: {x: \"=text('ünï', §nope)\"}\n"),
    (110, "  set: {x: ='日本' + data.a + §nope}\n"), (110, "  set:\n    x: |\n      =text('日本',\n        'ü', §nope)\n"),
    # what the file hides is told at the start of the value
    (110, "  set: {x: §\"=text(\\\"a\\\", nope)\"}\n"), (110, "  set: {x: §'=text(''a'', nope)'}\n"), (110, "  set:\n    x: §>\n      =data.a\n      + nope\n"), (110, "  set:\n    x: §=data.a\n      + nope\n"),
    # where logic stands
    (110, "  let:\n    a: =§nope\n"), (110, "  require: [\"§nope > 1\"]\n"), (110, "  require:\n  - {condition: data.a > §nope, message: no}\n"), (110, "  require:\n  - {condition: data.a > 1, message: =text(§nope)}\n"),
    (110, "  record:\n    a: {b: [1, \"=data.b + §nope\"]}\n"), (110, "  record: {a?: =data.b + §nope}\n"), (110, "  set: {a?: =data.b + §nope}\n"),
    (110, "  record:\n    a:\n    - {=for: x in §nope, =value: =x}\n"), (110, "  record:\n    a:\n    - {=for: x in data.l, =if: x > §nope, =value: =x}\n"), (110, "  record:\n    a:\n    - {=for: x in data.l, b: =x.y + §nope}\n"),
    (110, "  fan_out:\n  - {=for: l in data.lines, sku: =l.sku + §nope}\n"), (410, "  functions: {transform: \"lambda state: {'a': §open('x')}\"}\n"), (410, "  functions:\n    transform:\n      code: |\n        lambda state: {\n          'a': §open('x'),\n        }\n"),
    (410, "  functions: {validate: 'lambda state: §state.data.b'}\n"), (331, "  functions: {transform: \"lambda state: {'a': §state.data['l'].append(1)}\"}\n"),
    # what is found
    (106, "  set: {x: =data.a +§}\n"), (106, "  set: {x: \"=data.a §'x'\"}\n"), (106, "  require: [data.§from]\n"),
    (331, "  set: {x: =data.a + §data.l.pop()}\n"), (331, "  set: {x: \"=(§y := 1)\"}\n"), (410, "  set: {x: =data.a + §data.__class__}\n"), (410, "  set: {x: =1 + §eval('1')}\n"), (410, "  set: {x: \"=f'{data.a}' + §f'{data.b:>9}'\"}\n"),
    (112, "  set: {x: =data.a + §to_int()}\n"), (112, "  set: {x: =1 + §has(1)}\n"), (112, "  set: {x: \"=1 + §case(1, 2)\"}\n"), (112, "  set: {x: \"=data.a and §matches('(', data.b)\"}\n"), (115, "  set: {x: \"=sum(§[text for text in data.l])\"}\n"),
    (110, "  set: {x: =1 + §params.nope}\n"), (110, "  set: {x: =1 + §state.nope}\n"), (301, "  keep: [a]\n  set: {x: =data.b}\n- name: t\n  set: {y: =1 + §data.c}\n"),
]


def _codes_at(text: str, line: int, column: int) -> set[int] | set[str]:
    findings = check_document(read_text(text, "m.yaml"))
    return {f.code for f in findings if (f.mark.line, f.mark.column) == (line, column)} or {str(f) for f in findings}


@pytest.mark.parametrize(("code", "state"), CASES, ids=[f"{i}-{code}" for i, (code, _) in enumerate(CASES)])
def test_place(code: int, state: str) -> None:
    """The finding has the line and the column of the very part; where escapes or folding hide it, those of the value's start."""
    text = HEAD + state + TAIL
    if "- name: t" in state:
        text = text.replace("- {from: s, to: o}", "- {from: s, to: t}\n- {from: t, to: o}")
    before = text[:text.index("§")]
    assert code in _codes_at(text.replace("§", ""), before.count("\n") + 1, len(before) - before.rfind("\n"))


@pytest.mark.parametrize(("arc", "code"), [
    ("condition: data.a > §nope", 110), ("condition: 'data.a > §nope'", 110), ("condition: \"lambda state: §open('x')\"", 410), ("message: \"=text('a', §nope)\"", 110),
    ("transform: \"lambda data, ctx: {'a': §open(1)}\"", 410), ("switch: data.a + §nope, cases: {b: o}", 110),
])
def test_place_on_an_arc(arc: str, code: int) -> None:
    """Arcs are like states."""
    text = HEAD + TAIL.replace("to: o}", f"to: o, {arc}}}")
    before = text[:text.index("§")]
    assert code in _codes_at(text.replace("§", ""), before.count("\n") + 1, len(before) - before.rfind("\n"))


def test_place_in_a_define() -> None:
    """A define too, and a JSON document."""
    assert 110 in _codes_at("define: {two: 2, f(x): =x * two + nope}\n" + HEAD + TAIL, 1, 35)
    text = '{"states": [{"name": "s", "is_start": true, "set": {"x": "=data.a + nope"}}, {"name": "o", "is_end": true}],\n "arcs": [{"from": "s", "to": "o"}]}'
    assert [f.mark.column for f in check_document(read_text(text, "m.json")) if f.code == 110] == [text.index("nope") + 1]


def test_no_place_without_a_file() -> None:
    """A dict has pointers only."""
    document = {"states": [{"name": "s", "is_start": True, "set": {"x": "=nope"}}, {"name": "o", "is_end": True}], "arcs": [{"from": "s", "to": "o"}]}
    assert [(f.mark.pointer, f.mark.line) for f in check(document) if f.code == 110] == [("/states/0/set/x", None)]


@pytest.mark.parametrize("offset", [-5, 0, 3, 99])
def test_a_place_is_always_in_the_text(offset: int) -> None:
    """Whatever offset is asked for, the answer is a place of the scalar."""
    line, column = Spelling("=ab", "=ab", None, 4, 7).place(offset)
    assert line == 5 and 8 <= column <= 11
