"""The whole language: compiled machines give what the interpreter gives, to the byte."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fsm_core import DocumentError, load
from fsm_core.engine.batch import BatchResult
from tests.effort import examples
from tests.properties.whole_language import machine, record

HOSTILE = (b'{"a":NaN}', b"[]", b'{"a":1e400}', b"\xff", b'{"a":1,"a":2}')


def everything(result: BatchResult) -> list[Any]:
    """Rows, failures, ends and counts."""
    return [result.rows, result.failures, list(result.ends), sorted(result.states.items()), sorted(result.arcs.items()), sorted(result.drops.items())]


@pytest.mark.parametrize("block", range(examples(4)))
def test_compiled_is_interpreted(block: int) -> None:
    """Outputs with key order, routes, keys, headers, timestamps, failing state, function and exception, path and counts; no document crashes."""
    compiled = 0
    for seed in range(block * 25, block * 25 + 25):
        r = Random(seed)
        try:
            made = load(machine(r), trusted=r.random() < 0.5)
        except DocumentError:
            continue
        values = [*(record(r) for _ in range(12)), *HOSTILE]
        assert repr(everything(made.run(values, None, 100.0))) == repr(everything(made.run_interpreted(values, None, 100.0))), f"seed {seed}"
        compiled += made.source is not None
    assert compiled > 12
