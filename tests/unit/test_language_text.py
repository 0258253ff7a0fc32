"""The examples of docs/language.md: each is run as it stands, through the interpreter and through the compiled code.

A block of `yaml` is a machine, or what its start state does (with `define`, `params` … beside it). The block of `text` below it
says what comes of records; a machine with `tests` needs none. A block of `text` alone holds formulas over its first record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fsm_core import Machine, check, load
from fsm_core.casebook import run_tests
from fsm_core.engine.batch import SOURCE
from fsm_core.expressions.names import HELPERS
from fsm_core.schema import machine_schema
from fsm_core.schema.shapes import LATER

TEXT = Path(__file__).parents[2] / "docs" / "language.md"
OF_MACHINE = {"define", "params", "input_schema", "max_transitions", "numbers", "tests"}
HOSTS = {"customer": dict, "price_list": dict}  # what a `ref` of the examples calls; their tests answer for it
NOW = 1767225600  # 2026-01-01T00:00:00Z


@dataclass
class Example:
    """`said` are the lines of the block of text, without blank ones."""

    line: int
    document: dict[str, Any]
    said: list[str] = field(default_factory=list)


def blocks() -> Iterator[tuple[int, str, str]]:
    """Line, language and text of each fenced block."""
    text = TEXT.read_text("utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, found.start()) + 1, found[1], found[2]


def whole(part: dict[str, Any]) -> dict[str, Any]:
    """The machine; a part of one becomes what its start state does."""
    if {"states", "networks"} & part.keys():
        return part
    does = {key: value for key, value in part.items() if key not in OF_MACHINE}
    ends = [{"name": "output", "is_end": True}, *([{"name": "rejected", "is_end": True}] if "on_error" in does else [])]
    states = [{"name": "start", "is_start": True, **does}, *ends]
    return {**{key: part[key] for key in part.keys() & OF_MACHINE}, "states": states, "arcs": [{"from": "start", "to": "output"}]}


def examples() -> Iterator[Example]:
    """Every example; a text that stands alone is one for each of its formulas."""
    last: Example | None = None
    for line, language, text in blocks():
        if language == "yaml":
            if last is not None:
                yield last
            last = Example(line, whole(YAML(typ="safe", pure=True).load(text)))
        elif language == "text" and last is not None:
            last.said = text.splitlines()
            yield last
            last = None
        elif language == "text":
            yield from formulas(line, text)
    if last is not None:
        yield last


def formulas(line: int, text: str) -> Iterator[Example]:
    """`formula → value`, or `formula → message` where it raises."""
    record, *rows = text.splitlines()
    given = json.loads(record.removeprefix("in"))
    for row, text_of in enumerate(rows, line + 2):
        formula, gives = (part.strip() for part in text_of.split("→"))
        try:
            said = f"out {json.dumps({**given, 'gives': json.loads(gives)})}"
        except ValueError:
            said = f"dead transform: {gives}"
        yield Example(row, whole({"set": {"gives": f"={formula}"}}), [f"in {record.removeprefix('in')}", said])


EXAMPLES = list(examples())


def came(machine: Machine, engine: str, record: bytes) -> list[str]:
    """What the text says of a record: a line for each output, or one for a dead letter or a drop."""
    batch = getattr(machine, engine)([record], now=NOW)
    dead = [f"dead {failure.reason}: {failure.message}" for _, failure in batch.failures]
    drops = [f"drop {machine.definition.states[end].reason or ''}".strip() for end in batch.ends] if batch.dropped else []
    return [*map(shown, batch.rows), *dead, *drops]


def shown(row: tuple[Any, ...]) -> str:
    """An output, then its route, key, headers and timestamp where it has them."""
    _, route, value, key, headers, timestamp = row
    marks = [f"to {route}"] if route is not None else []
    marks += [] if key is SOURCE else [f"key {'null' if key is None else key.decode()}"]
    marks += [f"headers {json.dumps({name: text.decode() for name, text in headers})}"] if headers else []
    marks += [f"timestamp {timestamp}"] if timestamp is not None else []
    return f"out {json.dumps(None if value is None else json.loads(value))} {', '.join(marks)}".strip()


def normal(line: str) -> str:
    """A line of the text with its blanks and its JSON as `came` writes them."""
    word, rest = line.split(maxsplit=1) if " " in line else (line, "")
    if word not in ("in", "out"):
        return f"{word} {rest}".strip()
    value, end = json.JSONDecoder().raw_decode(rest)
    return f"{word} {json.dumps(value)} {rest[end:].strip()}".strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"line {e.line}")
def test_example(example: Example) -> None:
    """What the text says is what comes; `check` lines are the findings, and without them there is none but info."""
    said = [normal(line) for line in example.said]
    checks = [line for line in said if line.startswith("check")]
    findings = [f for f in check(example.document, trusted=False, functions=HOSTS) if f.severity != "info"]
    found = [f"check {f.code} {f.message} ({f.hint})" for f in findings]
    assert [full[:len(line)] for full, line in zip_longest(found, checks, fillvalue="")] == checks  # the text may leave the hint out
    if checks:
        return
    machine = load(example.document, trusted=False, functions=HOSTS)
    assert [(r.name, r.lines()) for r in run_tests(machine) if not r.passed] == []
    assert said or machine.definition.tests, "the example shows no record and has no tests"
    records = [at for at, line in enumerate(said) if line.startswith("in ")]
    for engine in ("run", "run_interpreted"):
        for start, end in pairwise([*records, len(said)]):
            assert came(machine, engine, said[start].removeprefix("in ").encode()) == said[start + 1:end]


def test_no_key_and_no_helper_is_left_out() -> None:
    """But for other spellings of the same, and what is not built."""
    others = {"validators", "transforms", "target_network", "return_state", "metadata"}
    shapes = [machine_schema(), *machine_schema()["$defs"].values()]
    keys = {name: key for shape in shapes for form in (shape, *shape.get("anyOf", ())) for name, key in form.get("properties", {}).items()}
    names = {name for name, key in keys.items() if key != LATER and name not in others} | HELPERS
    assert {name for name in names if not re.search(rf"\b{name}\b", TEXT.read_text("utf-8"))} == set()
