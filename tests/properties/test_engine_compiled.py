"""Compiled code answers what the interpreter answers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fsm_core
from fsm_core.engine.batch import BatchResult
from fsm_core.engine.codec import JSON, TEXT
from tests.effort import examples
from tests.properties.machines import hostile, machines, record


def raw(value: Any) -> bytes:
    return json.dumps(value).encode()


def comparable(result: BatchResult) -> tuple[Any, ...]:
    return (result.rows, result.failures, list(result.ends), result.states, result.arcs, result.dropped, result.drops)


KEYS = st.sampled_from([None, "data.a", "str(data.b)", "coalesce(data.c, 'k')"])


@settings(max_examples=examples(75), deadline=None, suppress_health_check=list(HealthCheck))
@given(machines(), st.lists(st.one_of(record.map(raw), hostile), max_size=6), KEYS, st.booleans(), st.booleans())
def test_compiled_is_interpreted(document: dict[str, Any], values: list[bytes], key: str | None, values_too: bool,
                                 text: bool) -> None:
    """Rows with key order, failures with reason, state, error and path, ends and counts: all the same, byte for byte."""
    machine = fsm_core.load(document).bind(keys={None: key} if key else None, failure_values=values_too, codec=TEXT if text and not values else JSON)
    assert machine.source is not None
    assert comparable(machine.run(values, now=5.0)) == comparable(machine.run_interpreted(values, now=5.0))


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(machines(), st.lists(record.map(raw), min_size=1, max_size=4))
def test_neighbours_do_not_matter(document: dict[str, Any], values: list[bytes]) -> None:
    """A batch gives the rows that its records give one by one."""
    machine = fsm_core.load(document)
    alone = [row[2] for value in values for row in machine.run([value], now=5.0).rows]
    assert [row[2] for row in machine.run(values, now=5.0).rows] == alone
