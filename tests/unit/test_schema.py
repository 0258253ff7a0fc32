"""The schemas for editors: they take what is right, name what is wrong, and say of every key what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from fsm_core import check
from fsm_core.document.report import Report
from fsm_core.schema import machine_schema
from worker.config.schema import worker_schema

ROOT = Path(__file__).parents[2]
MACHINES = sorted({*ROOT.glob("examples/*/*.yaml"), ROOT / "worker/demo/machine.yaml"} - {*ROOT.glob("examples/*/worker.yaml")})


def read(path: Path) -> Any:
    """A YAML file."""
    return YAML(typ="safe", pure=True).load(path)


def undescribed(schema: Any, at: str = "") -> Iterator[str]:
    """The keys without a description; an empty schema is for keys that are only let through."""
    if isinstance(schema, dict):
        for name, key in schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ():
            if isinstance(key, dict) and key and not key.get("description") and set(key) != {"type"}:
                yield f"{at}/{name}"
        for name, part in schema.items():
            yield from undescribed(part, f"{at}/{name}")
    elif isinstance(schema, list):
        for i, part in enumerate(schema):
            yield from undescribed(part, f"{at}/{i}")


@pytest.mark.parametrize("schema", [machine_schema(), worker_schema()], ids=["machine", "worker"])
def test_schema_is_sound_and_speaks(schema: dict[str, Any]) -> None:
    """It is JSON Schema, and every key has words."""
    Draft202012Validator.check_schema(schema)
    assert list(undescribed(schema)) == []


@pytest.mark.parametrize("path", MACHINES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_machine_schema_takes_our_machines(path: Path) -> None:
    """Every machine of the examples and of the demo."""
    assert [e.message for e in Draft202012Validator(machine_schema()).iter_errors(read(path))] == []


def test_worker_schema_takes_the_demo() -> None:
    """As it stands, with its ${…}."""
    assert [e.message for e in Draft202012Validator(worker_schema()).iter_errors(read(ROOT / "worker/demo/worker.yaml"))] == []


@pytest.mark.parametrize("change", [{"stats": []}, {"states": [{"nam": "a"}]}, {"states": [{"name": "a", "is_end": "yes"}]}, {"arcs": [{"from": "a", "too": "b"}]},
                                    {"states": [{"name": "a", "outcome": "out"}]}, {"states": [{"name": "a", "retry": {"attempts": 0}}]}])
def test_machine_schema_finds_mistakes(change: dict[str, Any]) -> None:
    """Unknown keys, wrong types, words that are none of the language."""
    document = {"name": "A", "states": [{"name": "a", "is_start": True, "is_end": True}], **change}
    assert not Draft202012Validator(machine_schema()).is_valid(document)


def test_x_keys_pass() -> None:
    """Keys that start with x- are the author's."""
    assert Draft202012Validator(machine_schema()).is_valid({"name": "A", "x-owner": 1, "states": [{"name": "a", "x-y": 2}]})


@pytest.mark.parametrize("kind", ["machine", "worker"])
def test_verb_prints_it(kind: str) -> None:
    """As JSON that is one schema."""
    done = subprocess.run([sys.executable, "-m", "worker", "schema", kind], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["title"].startswith("fsm-worker")


EVERYWHERE = """
main_network: main
networks:
- name: main
  states:
  - name: in
    is_start: true
    require: [{condition: data.a}]
    functions: {validate: {required: [a]}, transform: {ref: host}}
    retry: {attempts: 2}
    catch: [{to: out}]
  - {name: out, is_end: true}
  arcs: [{from: in, switch: data.a, cases: {x: {to: out}}}]
tests:
- given: {a: x}
  meta: {key: k}
  calls: {host: {return: {}}}
  expect: {outputs: [{value: {}}]}
  table: {columns: [given.a], rows: [[x]]}
"""


def shapes(schema: Any) -> Iterator[frozenset[str]]:
    """The keys of each object in a schema that has keys of the language."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield frozenset(schema["properties"])
        for part in schema.values():
            yield from shapes(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from shapes(part)


def test_the_parser_takes_the_keys_that_the_schema_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """At every place of a document the same: what is only for the short form aside, and `retry` in a function, which the parser takes to say where it belongs."""
    asked: dict[str, frozenset[str]] = {}
    judged = Report.keys

    def keys(self: Report, node: Any, pointer: str, allowed: Iterable[str], later: Iterable[str] = ()) -> None:
        allowed, later = tuple(allowed), tuple(later)
        asked[pointer] = frozenset(allowed) | frozenset(later)
        judged(self, node, pointer, allowed, later)

    monkeypatch.setattr(Report, "keys", keys)
    check(YAML(typ="safe", pure=True).load(EVERYWHERE), trusted=False, functions={"host": dict})
    known = {*shapes(machine_schema())}
    assert len(asked) > 12
    assert {pointer: taken for pointer, taken in asked.items() if pointer and taken not in known and taken - {"retry"} not in known} == {}
    assert asked[""] | {"states", "arcs"} in known
