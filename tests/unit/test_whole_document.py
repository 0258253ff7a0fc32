"""Every key of the language becomes what the definition says."""

from __future__ import annotations

from typing import Any

import pytest

from fsm_core import DocumentError, load
from fsm_core.definition import Definition, Remove, Rename, Retry, Way
from fsm_core.document import examine, read_text

WHOLE = """\
input_schema: {type: object}
numbers: exact
define: {half(x): =x / two, two: 2}
main_network: main
networks:
- name: main
  states:
  - name: a
    is_start: true
    let: {qty: =data.qty, more: =qty + 1}
    require: [{condition: qty > 0, message: "=text('no ', more)"}]
    record: {qty: =more, mail?: =data.mail.lower(), list: [{=for: x in data.list, =if: x > 1, =value: =half(x)}]}
    rename: {mail: contact.mail}
    set: {gone?: =data.nothing}
    remove: [tmp]
    keep: [qty, contact, list]
    retry: {errors: [OSError], attempts: 2, delay: 100ms, max_delay: 2m, jitter: none}
    catch: [{errors: [KeyError], to: bad}]
    on_error: bad
  - {name: out, is_end: true}
  - {name: bad, is_end: true, outcome: error}
  arcs:
  - {from: a, switch: text(qty), cases: {'1': out, '2': {push: sub}}, to: out, default: bad}
- name: sub
  states: [{name: s, is_start: true, is_end: true, set: {sub: 1}}]
"""


def parsed(text: str) -> tuple[Definition | None, list[tuple[int, str]]]:
    """The definition and the errors of a text, each with its line:column."""
    definition, findings = examine(read_text(text, "m.yaml"))
    return definition, [(f.code, f"{f.mark.line}:{f.mark.column}") for f in findings if f.severity == "error"]


def test_whole_document() -> None:
    """Lets, requires, paths, retry, catches, switch, push, defines and networks are all there, by full names."""
    definition, errors = parsed(WHOLE)
    assert errors == [] and definition is not None
    a, arc = definition.states["a"], definition.arcs[0]
    assert [d.name for d in definition.defines] == ["two", "half"] and definition.exact_numbers and definition.input_schema
    assert [let.template.lets for let in a.lets] == [(), ("qty",)] and a.requires[0].condition.lets == ("qty",)
    assert [(r.source, r.target) for r in a.renames if isinstance(r, Rename)] == [(("mail",), ("contact", "mail"))]
    assert [r.path for r in a.removes if isinstance(r, Remove)] == [("tmp",)] and a.keep == ("qty", "contact", "list")
    assert a.retry == Retry(("OSError",), 2, 0.1, 2.0, 120.0, "none") and [(c.errors, c.to) for c in a.catches] == [(("KeyError",), "bad"), ((), "bad")]
    assert arc.switch is not None and arc.switch.on.lets == ("qty",) and arc.ways == (Way("out"), Way("out", "sub"), Way("bad"))
    assert definition.states["sub/s"].returns and definition.networks["sub"].start == "sub/s" and a.assigns[0].guard is not None


@pytest.mark.parametrize(("record", "end"), [
    ({"qty": 2, "mail": "A", "list": [1, 4]}, {"qty": 3, "contact": {"mail": "a"}, "list": [2.0], "sub": 1}),
    ({"qty": 1, "list": []}, {"qty": 2, "list": []}),
])
def test_whole_document_runs(record: dict[str, Any], end: dict[str, Any]) -> None:
    """What was parsed is what runs."""
    machine = load({k: v for k, v in read_text(WHOLE, "m.yaml").content.items() if k != "input_schema"})
    assert machine.process(record).data == end


@pytest.mark.parametrize(("old", "new", "code", "line"), [
    ("=data.mail.lower()", "=nope", 110, 12), ("cases: {'1': out", "cases: {'1': outt", 104, 23), ("push: sub", "push: subb", 104, 23),
    ("two: 2", "two: =half(2)", 112, 3), ("two: 2", "two: =data.x", 110, 3), ("set: {sub: 1}", "set: {sub: =qty}", 110, 25),
    ("delay: 100ms", "delay: soon", 112, 17), ("qty: =data.qty", "len: =data.qty", 115, 10), ("=half(x)", "=half(x, 1)", 112, None),
    ("set: {gone?: =data.nothing}", "set: {gone: qty}", 116, 14), ("keep: [qty", "keep: [1", 112, None), ("x in data.list", "x of data.list", 106, None),
])
def test_mistakes_are_found_where_they_are(old: str, new: str, code: int, line: int | None) -> None:
    """A mistake in a new key is found with its code, at its place."""
    assert old in WHOLE
    found = parsed(WHOLE.replace(old, new))[1]
    assert code in [c for c, _ in found]
    assert line is None or (code, line) in [(c, int(place.partition(':')[0])) for c, place in found]


def test_networks_do_not_recurse() -> None:
    """A network that pushes itself, also over others, is 113."""
    text = WHOLE.replace("[{name: s, is_start: true, is_end: true, set: {sub: 1}}]",
                         "[{name: s, is_start: true}, {name: e, is_end: true}]\n  arcs: [{from: s, push: main, to: e}]")
    assert 113 in [code for code, _ in parsed(text)[1]]


@pytest.mark.parametrize("define", [
    {"a": "=[0] * 10**9"}, {"a": "='x' * 10**9"}, {"a": "=10**10**8"}, {"a": "=[i for i in range(10**9)]"}, {"a": "=to_int('x')"},
    {"a(x)": "=b(x)", "b(x)": "=a(x)"}, {"a(__class__)": "=1"}, {"a(_fsm_mul)": "=1 * 2"}, {"text(x)": "=x"}, {"a": "=data.x"},
    {"p": "ok", "f(p, x)": "=matches(p, x)"}, {"p": "=replace('X', '+', '(aX)X$')", "f(x)": "=matches(p, x)"}, {"f(a, a)": "=a"},
    {"p": "(a+)+$", "f(x)": "=matches(p, x)"},
])
def test_a_define_that_cannot_be_is_a_finding(define: dict[str, Any]) -> None:
    """Constants are computed when a machine is loaded: what raises there, or hides a guard, is told with its place, also in safe mode."""
    document = {"define": define, "states": [{"name": "s", "is_start": True}, {"name": "o", "is_end": True}], "arcs": [{"from": "s", "to": "o"}]}
    with pytest.raises(DocumentError) as caught:
        load(document, trusted=False)
    assert all(f.mark.pointer.startswith("/define/") for f in caught.value.findings if f.severity == "error")


def test_text_that_doubles_is_stopped() -> None:
    """Forty lines that each hold the one before twice are a failure, not the end of the memory."""
    lines = {"t0": "=data.a", **{f"t{i}": f"=text(t{i - 1}, t{i - 1})" for i in range(1, 41)}}
    document = {"states": [{"name": "s", "is_start": True, "let": lines}, {"name": "o", "is_end": True}], "arcs": [{"from": "s", "to": "o"}]}
    machine = load(document, trusted=False)
    for result in (machine.run([b'{"a":"xx"}']), machine.run_interpreted([b'{"a":"xx"}'])):
        assert [(f.reason, f.function, f.error) for _, f in result.failures] == [("transform", "let.t24", "OverflowError")]
