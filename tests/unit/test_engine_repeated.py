"""What a walk that is repeated, or a limit of Python or of a record, must not change."""

from __future__ import annotations

from typing import Any

import pytest

import fsm_core
from fsm_core.definition import Retry
from fsm_core.engine import delivery
from fsm_core.engine.protocol import Done, Step
from fsm_core.engine.waves import _delay


async def look(data: Any) -> Any:
    """Never called: the test answers."""


def test_an_answer_that_code_changed_in_place_is_repeated_as_it_came() -> None:
    """Inline code changes the answer, a later state raises and is caught: the interpreter walks again, with the answer of the host."""
    machine = fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True, "functions": {"transform": {"ref": "look", "mode": "batch"}}},
        {"name": "more", "functions": {"transform": "def f(state):\n    state.data['n'] += 1\n    return state.data"}},
        {"name": "bad", "functions": {"transform": "def f(state):\n    raise ValueError('x')"}, "on_error": "kept"},
        {"name": "kept", "is_end": True, "outcome": "output"}, {"name": "output", "is_end": True}],
        "arcs": [{"from": "in", "to": "more"}, {"from": "more", "to": "bad"}, {"from": "bad", "to": "output"}]}, functions={"look": look})
    assert machine.source is not None

    def through(step: Step) -> list[Any]:
        while not isinstance(step, Done):
            step = step.answer([{"n": 1}])
        return [row[2] for row in step.result.rows]
    assert through(machine.start([b"{}"])) == through(machine.start_interpreted([b"{}"])) == [b'{"n":2}']


@pytest.mark.parametrize("deep", [9, 21])
def test_fan_outs_inside_each_other_beyond_the_loops_that_python_takes(deep: int) -> None:
    """The interpreter runs what no generated function can hold; it is no error to load it."""
    names = [f"f{at}" for at in range(deep)]
    states = [{"name": name, "fan_out": [{"=for": "l in data.lines", "lines": "=data.lines", "l": "=l"}]} for name in names]
    machine = fsm_core.load({"name": "m", "states": [{"name": "in", "is_start": True}, *states, {"name": "output", "is_end": True}],
                             "arcs": [{"from": a, "to": b} for a, b in zip(["in", *names], [*names, "output"], strict=True)]})
    values = [b'{"lines":[1]}', b'{"lines":3}']
    assert machine.run(values) == machine.run_interpreted(values)
    assert (machine.source is None) == (deep > 20)


def test_children_without_a_value_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of a tombstone takes memory as any row that waits."""
    monkeypatch.setattr(delivery, "MOST_OUTPUT", 10 * delivery.CHILD)
    machine = fsm_core.load({"name": "m", "states": [
        {"name": "in", "is_start": True, "fan_out": [{"=for": "l in data.lines", "k": "=l"}]},
        {"name": "output", "is_end": True, "key": "=data.k", "tombstone": True}], "arcs": [{"from": "in", "to": "output"}]}, trusted=False)
    values = [b'{"lines":[1,2,3,4,5,6,7,8,9,10,11]}']
    assert machine.run(values) == machine.run_interpreted(values)
    assert [failure.reason for _, failure in machine.run(values).failures] == ["unencodable"]


def test_a_delay_that_doubles_for_ever_is_the_longest_one() -> None:
    """The numbers of Python end before the attempts of a retry do."""
    assert _delay(Retry((), 2000, 0.1, 2.0, 5.0, "none"), 1900) == 5.0
