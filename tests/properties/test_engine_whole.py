"""The whole language: compiled machines give what the interpreter gives, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_core import DocumentError, load
from fsm_core.engine.batch import BatchResult, Meta
from tests import forgotten_names
from tests.effort import examples
from tests.properties.whole_language import machine, record


@pytest.fixture(autouse=True, scope="module")
def _names() -> Iterator[None]:
    with forgotten_names.are_told():
        yield


HOSTILE = (b'{"a":NaN}', b"[]", b'{"a":1e400}', b"\xff", b'{"a":1,"a":2}')


def everything(result: BatchResult) -> list[Any]:
    """Rows, failures, ends and counts."""
    return [result.rows, result.failures, list(result.ends), sorted(result.states.items()), sorted(result.arcs.items()), sorted(result.drops.items())]


def compare(r: Random, records: int) -> bool:
    """Runs one random machine both ways over random records and hostile ones; was there compiled code to compare?"""
    try:
        made = load(machine(r), trusted=r.random() < 0.5)
    except DocumentError:
        return False
    values = [*(record(r) for _ in range(records)), *HOSTILE]
    metas = [Meta("t", 0, at, headers={"k": "v"} if at % 2 else {}) for at in range(len(values))]
    assert repr(everything(made.run(values, metas, 100.0))) == repr(everything(made.run_interpreted(values, metas, 100.0)))
    return made.source is not None


@pytest.mark.parametrize("block", range(examples(2)))
def test_compiled_is_interpreted(block: int) -> None:
    """Outputs with key order, routes, keys, headers, timestamps, failing state, function and exception, path and counts; no document crashes."""
    compiled = 0
    for seed in range(block * 25, block * 25 + 25):
        try:
            compiled += compare(Random(seed), 12)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert compiled > 12


@settings(max_examples=examples(8), deadline=None)
@given(st.randoms(use_true_random=False))
def test_compiled_is_interpreted_where_machines_shrink(r: Random) -> None:
    """The same by Hypothesis: four times slower, but what fails is made small, and it leans to the largest machines that the strategy has."""
    compare(r, 4)
