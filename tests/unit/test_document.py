"""Documents become definitions, or every reason why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fsm_core
from fsm_core.definition import Code, Rules
from fsm_core.document import load_document, parse, read_text
from fsm_core.document.templates import parse_path
from fsm_core.errors import DocumentError

SEED: dict[str, Any] = {
    "name": "DataCleaner", "main_network": "main",
    "networks": [{
        "name": "main",
        "states": [
            {"name": "input", "is_start": True},
            {"name": "clean", "functions": {"transform": {"type": "inline", "code": """lambda state: {
                                'id': state.data['id'],
                                'value': max(0, state.data.get('value', 0)),
                                'timestamp': __import__('time').time()
                            }"""}}},
            {"name": "output", "is_end": True},
            {"name": "error", "is_end": True},
        ],
        "arcs": [
            {"from": "input", "to": "clean"},
            {"from": "clean", "to": "output", "condition": {"type": "inline", "code": "lambda state: state.data.get('id', True)"}},
            {"from": "clean", "to": "error", "condition": {"type": "inline", "code": "lambda state: not state.data.get('id', True)"}},
        ],
    }],
}

SHORT = """\
name: Short
version: 3
params: {least: 1}
x-owner: team
states:
- name: in
  is_start: true
  functions:
    validate: {required: [id], types: {id: integer}, ranges: {id: [0, null]}}
  validators: ["lambda state: bool(state.data)"]
  transforms: ["lambda data, ctx: {**data}"]
  set: {total: "=data.id + params.least", "contact.email": [a, {b: =data.id}], "['a.b']": ==x}
  on_error: failed
  arcs:
  - {target: out, priority: 2, condition: data.total > 1, transform: "lambda data, ctx: data"}
  - {target: gone, else: true}
- {name: out, is_end: true, route: alerts, key: =data.id, headers: {x-id: =data.id, v: 1}, timestamp: =state.now}
- {name: gone, is_end: true, outcome: drop, reason: small}
- {name: failed, is_end: true}
tests: [{name: t, given: {id: 1}, expect: {state: out}}]
"""


def codes(text: str, **more: Any) -> list[int]:
    """The codes of the findings of a YAML text."""
    with pytest.raises(DocumentError) as caught:
        parse(read_text(text, "m.yaml"), **more)
    return [f.code for f in caught.value.findings]


def test_seed_dict_is_trusted() -> None:
    """A dict is its author's code: the seed's `__import__` in a lambda is accepted, and the end named error is one."""
    definition = parse(load_document(SEED))
    assert definition.trusted and definition.start == "input" and list(definition.states) == ["input", "clean", "output", "error"]
    assert definition.states["error"].outcome == "error" and definition.states["output"].outcome == "output"
    assert [a.name for a in definition.arcs] == ["input->clean", "clean->output", "clean->error"]


@pytest.mark.parametrize("name", ["m.yaml", "m.json"])
def test_seed_file_is_safe(tmp_path: Path, name: str) -> None:
    """A file is not trusted unless the caller says so, and the finding has its file, line and column."""
    file = tmp_path / name
    file.write_text(json.dumps(SEED, indent=1))
    with pytest.raises(DocumentError) as caught:
        parse(load_document(file))
    errors = [f for f in caught.value.findings if f.severity == "error"]
    finding = errors[0]
    assert {f.code for f in errors} == {410} and finding.mark.file == str(file) and finding.mark.line == 17
    assert parse(load_document(file, trusted=True)).trusted


def test_digest_is_of_the_content() -> None:
    """The same content has the same digest as a dict, as YAML and as JSON; another content has another."""
    text = json.dumps(SEED)
    digests = {load_document(SEED).digest, read_text(text, "a.yaml").digest, read_text(text, "a.json").digest}
    assert len(digests) == 1 and len(digests.pop()) == 64
    assert load_document({**SEED, "name": "x"}).digest != load_document(SEED).digest


def test_short_form() -> None:
    """The short form, arcs inside states, lists of functions, set, templates and end keys are all read."""
    definition = parse(read_text(SHORT, "m.yaml"), params={"least": "5"})
    state, out = definition.states["in"], definition.states["out"]
    assert definition.version == "3" and definition.params == {"least": 5} and not definition.trusted
    assert state.validates[0] == Rules(("id",), {"id": "integer"}, {"id": (0, None)}) and isinstance(state.validates[1], Code)
    assert [a.path for a in state.assigns] == [("total",), ("contact", "email"), ("a.b",)]
    templates = [a.template for a in state.assigns if isinstance(a.template, Code)]
    assert [t.source for t in templates] == ["data.id + params.least", "['a', {'b': data.id}]", "=x"] and state.on_error == "failed" and len(state.transforms) == 1
    assert out.route == "alerts" and isinstance(out.key, Code) and [h[0] for h in out.headers] == ["x-id", "v"]
    assert [a.target for a in definition.arcs_from("in")] == ["out", "gone"] and definition.arcs[1].is_else
    assert definition.states["gone"].reason == "small" and definition.states["failed"].outcome == "error"
    assert definition.tests[0]["name"] == "t" and state.mark.line == 6


@pytest.mark.parametrize(("line", "code"), [
    ("input_schema: 3", 100), ("define: 3", 100), ("functions: {a: 'b:c'}", 410), ("numbers: 3", 112), ("data_mode: x", 190), ("include: x", 190), ("nmae: x", 100), ("max_transitions: 0", 100),
    ("tests: 3", 100), ("params: 3", 100), ("arcs2: []", 100), ("description: 2", 100), ("version: 2026-01-01", 117),
])
def test_top_level(line: str, code: int) -> None:
    """Top-level keys are known, refused as not built, or unknown."""
    assert code in codes(f"{line}\nstates: [{{name: a, is_start: true}}, {{name: b, is_end: true}}]\narcs: [{{from: a, to: b}}]")


@pytest.mark.parametrize(("state", "code"), [
    ("set: {a: =}", 106), ("set: {a: =1 +}", 106), ("set: {a: data.x}", 116), ("set: {a: [{=for: x}]}", 106), ("set: {a: {=for: x}}", 100),
    ("set: {a..b: 1}", 112), ("set: {a: '=lambda s: 1'}", 112), ("functions: {transform: {ref: nope}}", 111),
    ("functions: {transform: {ref: 'os:system'}}", 111), ("functions: {transform: {ref: f, retry: {attempts: 2}}}", 100), ("functions: {transform: {ref: f, mode: chunk}}", 112),
    ("functions: {transform: {type: magic, code: '1'}}", 100), ("functions: {transform: 3}", 112), ("functions: {tranform: x}", 100),
    ("functions: {validate: {required: id}}", 100), ("functions: {validate: {types: {a: text}}}", 112),
    ("functions: {validate: {ranges: {a: [1]}}}", 112), ("key: =data.x", 100), ("is_start: maybe", 100), ("on_error: nowhere", 104),
    ("set: {a: =params.zz}", 110), ("set: {a: =zz}", 110), ("set: {a: '=clip(1, 2)'}", 112), ("set: {a: 1, a: 2}", 100),
    ("set: {a: .inf}", 117), ("set: {1: a}", 117), ("set: {a: !!python/object:os.system x}", 117),
])
def test_state_errors(state: str, code: int) -> None:
    """A mistake in a state is found with its code."""
    assert code in codes(f"states:\n- {{name: a, is_start: true, {state}}}\n- {{name: b, is_end: true}}\narcs: [{{from: a, to: b}}]")


@pytest.mark.parametrize(("text", "code"), [
    ("{", 106), ("", 100), ("- 1", 100), ("a: &x [*x]", 106), ("just text", 100), ("{a: 1}: 2", 117),
])
def test_hostile_text(text: str, code: int) -> None:
    """Text that is no machine is a finding, not a crash."""
    assert code in codes(text)


def test_alias_bomb_is_refused() -> None:
    """Aliases that would unfold to millions of values are refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert codes("\n".join(lines)) == [106] or 106 in codes("\n".join(lines))


def test_all_findings_at_once() -> None:
    """One run tells every error, in document order."""
    found = codes("nmae: x\nstates:\n- {name: a, is_start: true, colour: red}\n- {name: a, is_end: true}\n"
                  "arcs:\n- {from: a, to: nowhere, condition: 'data.x ='}\n")
    assert found[0] == 100 and {100, 101, 104, 106} <= set(found)


def test_registered_function_and_function_object() -> None:
    """`ref` names what the caller gives; a trusted dict may hold function objects, a safe document may not."""
    def double(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "v": 2}

    machine = {"states": [{"name": "a", "is_start": True, "functions": {"transform": [{"type": "registered", "ref": "f"}, double]}},
                          {"name": "b", "is_end": True}], "arcs": [{"from": "a", "to": "b"}]}
    first, second = parse(load_document(machine), functions={"f": double}).states["a"].transforms
    assert first.function is double and second.function is double and first.kind == "callable"
    with pytest.raises(DocumentError, match="410"):
        parse(load_document(machine, trusted=False), functions={"f": double})


def test_params_are_typed() -> None:
    """An undeclared parameter or another type is refused."""
    assert codes(SHORT, params={"zz": 1}) == [110] and codes(SHORT, params={"least": "x"}) == [112]


def test_no_such_file() -> None:
    """A file that is not there is a DocumentError."""
    with pytest.raises(DocumentError, match="cannot read"):
        load_document("no/such/file.yaml")


def test_paths_of_set() -> None:
    """Dots go one level down and brackets hold literal names."""
    assert parse_path("a.b") == ("a", "b") and parse_path("a['b.c'].d") == ("a", "b.c", "d") and parse_path("user-agent") == ("user-agent",)
    assert parse_path("") is None and parse_path("a.") is None and parse_path(".a") is None


def test_import_is_light() -> None:
    """`import fsm_core` imports neither pydantic nor aiokafka nor ruamel."""
    probe = "import sys, fsm_core; print({m.split('.')[0] for m in sys.modules} & {'pydantic', 'aiokafka', 'ruamel', 'orjson'})"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.strip() == "set()"
    assert set(fsm_core.__all__) <= set(dir(fsm_core))


def test_a_decimal_comma_in_a_map_is_told() -> None:
    """`{AT: 0,20}` is a map of two keys to YAML."""
    with pytest.raises(DocumentError) as refused:
        parse(read_text("define:\n  rates: {DE: 0.19, AT: 0,20}\n", "m.yaml"))
    found = [f.message for f in refused.value.findings if f.code == 117]
    assert found == ["the key '20' is no text: quote it (was a decimal comma meant? write a point: 0.20)"]
