"""Machines whose records wait for the host: compiled ones ask what the interpreter asks, in the same order, and end as it ends."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

import pytest

from fsm_core import DocumentError, load
from fsm_core.engine.batch import BatchResult
from fsm_core.engine.protocol import Answer, Done, Pending, Step
from tests.effort import examples
from tests.properties.whole_language import machine, record

HOSTILE = (b'{"a":NaN}', b"[]", b"\xff", b"{}")


async def look(data: Any) -> Any:
    """Never called: the test answers."""


def asking(r: Random, document: dict[str, Any]) -> dict[str, Any]:
    """Some states ask: with a batch or alone, with arguments or the record, with a place for the answer, with retries."""
    for network in document["networks"]:
        for state in network["states"]:
            if r.random() < 0.4 and "fan_out" not in state:
                ref: dict[str, Any] = {"ref": "look"}
                ref |= {"mode": "batch", "idempotent": r.random() < 0.5} if r.random() < 0.6 else {}
                ref |= {"args": r.choice(["=data.a", {"x": "=coalesce(data.b)"}, "=data"])} if r.random() < 0.5 else {}
                ref |= {"into": r.choice(["a", "e.f", "b.k"])} if r.random() < 0.5 else {}
                state["functions"] = {**state.get("functions", {}), "transform": ref}
                if r.random() < 0.4:
                    state["retry"] = {"attempts": 2, **({"errors": ["KeyError"]} if r.random() < 0.5 else {})}
    return document


def answered(pending: Pending) -> Answer:
    """What the host says: always the same of the same."""
    slots: list[Any] = []
    for one in pending.records:
        text = repr(one.data if hasattr(one, "data") else one)
        n = zlib.crc32(text.encode()) % 11
        slots.append([{"k": n}, {"a": [n], "b": text}, 3, None, KeyError("k"), TimeoutError("late"), [1], {"a": {"k": 1}, "c": 1.5}, {"b": 2},
                      {"a": float("nan")}, {"d": 1}][n])
    whole = zlib.crc32(repr(len(slots)).encode() + pending.name.encode()) % 7
    return ValueError("no answer at all") if whole == 0 and pending.batch else slots


def through(step: Step) -> tuple[list[Any], BatchResult]:
    """What was asked, and what came of it."""
    asked = []
    while not isinstance(step, Done):
        asked.append((step.pending.name, step.pending.batch, repr([one.data if hasattr(one, "data") else one for one in step.records])))
        step = step.answer(answered(step.pending))
    return asked, step.result


def everything(result: BatchResult) -> list[Any]:
    """Rows, failures, ends and counts."""
    return [result.rows, result.failures, list(result.ends), sorted(result.states.items()), sorted(result.arcs.items()), sorted(result.drops.items())]


@pytest.mark.parametrize("block", range(examples(1)))
def test_compiled_asks_as_interpreted(block: int) -> None:
    """The same calls with the same records in the same order; the same outputs, failures with their attempts, ends and counts."""
    compiled = 0
    for seed in range(block * 25, block * 25 + 25):
        r = Random(seed)
        try:
            made = load(asking(r, machine(r)), functions={"look": look})
        except DocumentError:
            continue
        if not made.is_async:
            continue
        values = [*(record(r) for _ in range(8)), *HOSTILE]
        one, other = through(made.start(values, None, 100.0)), through(made.start_interpreted(values, None, 100.0))
        assert one[0] == other[0], f"seed {seed}"
        assert repr(everything(one[1])) == repr(everything(other[1])), f"seed {seed}"
        compiled += made.source is not None
    assert compiled > 5
