"""The demo's feeder and audit, without a broker: the audit must see every kind of mistake."""

from __future__ import annotations

import json
import random
from importlib.resources import files
from itertools import islice
from pathlib import Path

from fsm_core import load
from worker.demo.audit import judge
from worker.demo.feeder import Fate, Ledger, events

LEDGER = Ledger({b"a": Fate.PRODUCED, b"b": Fate.DEAD_LETTERED, b"c": Fate.DROPPED})


def test_a_whole_account_is_good() -> None:
    """fed = produced + dead-lettered + dropped."""
    result = judge(LEDGER, [b"a"], [b"b"])
    assert result.good
    assert (result.fed, result.produced, result.dead_lettered, result.dropped) == (3, 1, 1, 1)


def test_duplicates_are_counted_and_allowed() -> None:
    """At least once may deliver twice, never less."""
    result = judge(LEDGER, [b"a", b"a"], [b"b"])
    assert result.good
    assert result.duplicates == 1


def test_a_lost_record_is_named() -> None:
    """An id in no topic that should be in one is lost."""
    assert judge(LEDGER, [b"a"], []).lost == ["b"]
    assert not judge(LEDGER, [], [b"b"]).good


def test_a_wrong_fate_is_not_good() -> None:
    """A dead letter that should be an output, one in both, a drop that was written: all wrong."""
    assert judge(LEDGER, [], [b"a", b"b"]).wrong == ["a"]
    assert judge(LEDGER, [b"a"], [b"a", b"b"]).wrong == ["a"]
    assert judge(LEDGER, [b"a", b"c"], [b"b"]).wrong == ["c"]


def test_an_id_that_was_never_fed_is_not_good() -> None:
    """What nobody fed cannot be there."""
    result = judge(LEDGER, [b"a", b"x"], [b"b"])
    assert not result.good
    assert result.unknown == ["x"]


def test_about_two_percent_have_trouble_and_ids_are_unique() -> None:
    """The feeder knows each fate; broken JSON is really broken, test records are really marked."""
    made = list(islice(events(random.Random(7)), 20_000))
    assert len({event.key for event in made}) == len(made)
    trouble = [event for event in made if event.fate is not Fate.PRODUCED]
    assert 0.01 < len(trouble) / len(made) < 0.03
    assert {json.loads(event.value)["kind"] for event in made if event.fate is Fate.DROPPED} == {"test"}
    assert all(json.loads(event.value)["price"] > 0 for event in made if event.fate is Fate.PRODUCED)


def test_the_machine_agrees_with_the_feeder() -> None:
    """Each fate that the feeder announces is the one that the demo's machine gives; every route is taken."""
    made = list(islice(events(random.Random(7), trouble=0.2), 5_000))
    batch = load(Path(str(files("worker.demo"))) / "machine.yaml").run([event.value for event in made])
    found = {made[position].key: Fate.DEAD_LETTERED for position, _ in batch.failures}
    found |= {made[output.position].key: Fate.PRODUCED for output in batch.outputs}
    assert {event.key: found.get(event.key, Fate.DROPPED) for event in made} == {event.key: event.fate for event in made}
    assert {output.route for output in batch.outputs} == {None, "review"}
    assert {failure.reason for _, failure in batch.failures} == {"malformed", "rejected"}
