"""The machines of the benchmark do what is written beside them by hand."""

from __future__ import annotations

import pytest

from benchmarks import asking, seed, ten_states
from benchmarks.peers import walk_hand
from fsm_core import load
from fsm_core.engine.batch import SOURCE


@pytest.mark.parametrize("trusted", [True, False])
def test_ten_states(trusted: bool) -> None:
    """Rows with their routes and keys, and what is rejected and why."""
    machine, values = load(ten_states.MACHINE, trusted=trusted), list(ten_states.baskets(200))
    rows, rejected = ten_states.by_hand(values)
    result = machine.run(values)
    assert [(at, route, value, None if key is SOURCE else key) for at, route, value, key, _, _ in result.rows] == rows
    assert [(at, failure.message) for at, failure in result.failures] == rejected != []
    assert machine.run_interpreted(values).rows == result.rows and not machine.why_not_fused


def test_the_seed_machine() -> None:
    """The outputs of the streaming page's machine, to the byte."""
    values = [b'{"id": %d, "value": %d, "category": "c", "status": "pending"}' % (n, n * 997 % 9000 - 5) for n in range(100)]
    assert [row[2] for row in load(seed.MACHINE).run(values).rows] == walk_hand.run(values)


def test_the_machine_that_asks() -> None:
    """The outputs of the one with a call, compiled and interpreted."""
    machine, values = load(asking.MACHINE, functions={"look": asking.look}), asking.visits(300)
    assert asking.answering(machine.start)(values) == asking.answering(machine.start_interpreted)(values) == asking.by_hand(values)
    assert machine.source and not machine.why_not_fused
