"""Hostile records through every example machine; `python -m benchmarks hostile --records 1000000` is the full measure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.hostile import EXAMPLES, Siege, Unaccounted
from benchmarks.hostile_records import Attack
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Router


async def test_whatever_a_record_holds_it_is_accounted_for() -> None:
    """I6 and I7: nothing raises, nothing stands still, each record is one of output, dead letter and drop, by every way of every machine."""
    tally = await Siege(3, slice_records=40).run(1500)
    assert tally.outputs + tally.dead + tally.drops == tally.runs > 3 * tally.records
    assert {"malformed", "rejected", "transform", "guard"} <= tally.reasons.keys() and tally.compared


def test_the_same_seed_gives_the_same_records() -> None:
    """So that what was found can be found again."""
    one, two = (Attack(5, [{"a": 1, "b": {"c": ["x"]}}], 0) for _ in range(2))
    records = [one.record(i) for i in range(300)]
    assert records == [two.record(i) for i in range(300)] and len({r.value for r in records}) > 200


@pytest.mark.parametrize("spoilt", ["lost", "doubled", "changed"])
async def test_a_record_that_is_lost_doubled_or_changed_is_noticed(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The siege is of no use otherwise."""
    failed, make = Router.failed, DeadLetters.make

    def twice(self: Router, part: Any, failures: Any) -> None:
        failed(self, part, failures)
        failed(self, part, failures[:1])

    if spoilt == "changed":
        monkeypatch.setattr(DeadLetters, "make", lambda *given: make(*given)._replace(value=json.dumps("other").encode()))
    else:
        monkeypatch.setattr(Router, "failed", twice if spoilt == "doubled" else lambda self, part, failures: failed(self, part, failures[1:]))
    with pytest.raises(Unaccounted):
        await Siege(3, [EXAMPLES / "demo" / "machine.yaml"]).run(500)
