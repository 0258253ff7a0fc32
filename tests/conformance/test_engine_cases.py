"""Conformance cases: what the language promises, as files, through interpreter and compiled code.

A case is one sentence (`name`), records in (`given`, or `raw` texts as they come), and what becomes of them: `outputs`, `rows` (route,
key, headers, timestamp in ms), `failures` (position, reason, state, error type) with their `messages`, `steps`, `paths` and `attempts`, and `dropped`;
where it matters the `ends`, and the counts of `states` and `drops`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import fsm_core
from fsm_core.engine.batch import SOURCE, BatchResult, Failure, Meta
from fsm_core.engine.machine import Machine
from fsm_core.engine.purity import all_codes, why_interpreted
from tests import forgotten_names
from tests.conformance.host_functions import Host


def of_formula(case: dict[str, Any]) -> dict[str, Any]:
    """A case of one formula: `gives` has its value for each record, or `{raises: error}`; `raises` alone is the error of all."""
    end = {"name": "output", "is_end": True}
    states = [{"name": "in", "is_start": True, "set": {"gives": "=" + case["formula"]}}, end]
    gives = list(enumerate(case.get("gives") or [{"raises": case["raises"]} for _ in case["given"]]))
    raised = {at: one["raises"] for at, one in gives if isinstance(one, dict) and one.keys() == {"raises"}}
    outputs = [json.dumps({**given, "gives": one}, separators=(",", ":"), ensure_ascii=False)
               for given, (at, one) in zip(case["given"], gives, strict=True) if at not in raised]
    return {"trusted": False, **case, "outputs": outputs, "failures": [[at, "transform", "in", error] for at, error in raised.items()],
            "machine": {"states": states, "arcs": [{"from": "in", "to": "output"}], **case.get("machine", {})}}


def of_state(case: dict[str, Any]) -> dict[str, Any]:
    """A case of what one state does (`does`), beside whatever else its machine has."""
    states = [{"name": "in", "is_start": True, **case["does"]}, {"name": "output", "is_end": True}, *case.get("beside", [])]
    return {"trusted": False, **case, "machine": {"states": states, "arcs": [{"from": "in", "to": "output"}], **case.get("machine", {})}}


def plain(case: dict[str, Any]) -> dict[str, Any]:
    """A case with its machine written out."""
    return of_formula(case) if "formula" in case else of_state(case) if "does" in case else case


def shown_row(row: tuple[Any, ...]) -> list[Any]:
    """Route, key, headers and timestamp as cases write them."""
    _, route, _, key, headers, timestamp = row
    key = "source" if key is SOURCE else key if key is None else key.decode()
    return [route, key, [[name, value.decode()] for name, value in headers or ()], timestamp]


CASES = [plain(case) for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
         for case in YAML(typ="safe").load(file.read_text("utf-8"))]

SHOWN = {"messages": "message", "steps": "function", "paths": "path", "attempts": "attempts"}


def shown(failures: list[tuple[int, Failure]], name: str) -> list[Any]:
    """One field of each failure, as cases write it."""
    values = [getattr(failure, SHOWN[name]) for _, failure in failures]
    return [list(value) for value in values] if name == "paths" else values


def loaded(case: dict[str, Any]) -> Machine:
    """The machine of a case."""
    return fsm_core.load({"name": "case", **case["machine"]}, case.get("trusted", True), Host().functions, case.get("params"))


def waiting(case: dict[str, Any]) -> Machine:
    """The machine of a case with an async validate in each state that has nothing to say: every record waits everywhere."""
    def slowed(network: dict[str, Any]) -> dict[str, Any]:
        return {**network, "states": [{**state, "validators": [{"ref": "fine"}, *state.get("validators", ())]} for state in network["states"]]}

    machine = case["machine"]
    slow = {**machine, "networks": [slowed(one) for one in machine["networks"]]} if "networks" in machine else slowed(machine)
    return loaded({**case, "machine": slow})


def outcomes(machine: Machine, case: dict[str, Any]) -> Iterator[tuple[str, BatchResult]]:
    """The records of a case through its machine, by each way there is: compiled, interpreted, and waiting in every state."""
    given = [text.encode() for text in case["raw"]] if "raw" in case else [json.dumps(one).encode() for one in case["given"]]
    metas = [Meta(**meta) for meta in case["metas"]] if "metas" in case else None
    if machine.is_async:
        yield "as it is", asyncio.run(machine.run_async(given, metas, case.get("now")))
    else:
        remembers = any(code.kind == "callable" for code in all_codes(machine.definition))
        yield "compiled", machine.run(given, metas, case.get("now"))
        yield "interpreted", (loaded(case) if remembers else machine).run_interpreted(given, metas, case.get("now"))
    yield "waiting", asyncio.run(waiting(case).run_async(given, metas, case.get("now")))


@pytest.fixture(autouse=True, scope="module")
def _names() -> Iterator[None]:
    with forgotten_names.are_told():
        yield


def is_interpreted(machine: Machine) -> bool:
    """What the compiler leaves to the interpreter on purpose."""
    return bool(why_interpreted(machine.definition))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_case(case: dict[str, Any]) -> None:
    """Outputs byte for byte, failures by position, reason, state and error type, from the interpreter and from compiled code alike."""
    machine = loaded(case)
    assert machine.source or is_interpreted(machine), machine.why_not_fused
    for way, result in outcomes(machine, case):
        assert [[p, f.reason, f.state, f.error] for p, f in result.failures] == case.get("failures", []), way
        assert [None if row[2] is None else row[2].decode() for row in result.rows] == case.get("outputs", []), way
        if "rows" in case:
            assert [shown_row(row) for row in result.rows] == case["rows"], way
        for name in SHOWN.keys() & case.keys():
            assert shown(result.failures, name) == case[name], way
        assert result.dropped == case.get("dropped", 0), way
        for name in ("ends", "states", "drops"):
            assert name not in case or getattr(result, name) == case[name], way


def test_each_sentence_once() -> None:
    """A case says what no other one says."""
    names = [case["name"] for case in CASES]
    assert sorted(set(names)) == sorted(names)
    assert len(CASES) >= 200
