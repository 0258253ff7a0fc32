"""What follows a dead record of its key waits with it, over restarts, and comes back with it in order."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from tests.kafka.case import Case, MakeCase, good
from tests.kafka.outside import Fed
from tests.kafka.test_dlq import bad, dead, mended
from tests.kafka.verbs import say


def books_of(case: Case) -> None:
    """The compacted topic that the quarantine is kept in."""
    admin = AdminClient({"bootstrap.servers": case.bootstrap})
    topic = NewTopic(f"{case.dlq}.quarantine", num_partitions=1, replication_factor=1, config={"cleanup.policy": "compact"})
    for done in admin.create_topics([topic]).values():
        done.result(30)
    case.config["dead_letter"]["quarantine"] = "key"


def numbers(case: Case) -> list[int]:
    """What came out, in order."""
    return [json.loads(r.value or b"")["i"] for r in case.outputs()]


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_key_waits_for_its_dead_record_and_is_released_by_the_redrive(make_case: MakeCase, guarantee: str) -> None:
    """Other keys and null keys go on; a restart changes nothing; the redrive brings all back in order, and then the key is free."""
    case = make_case()
    books_of(case)
    case.config["delivery"] = {"guarantee": guarantee}
    letters = dead(case, Fed(b"k", bad(1)), Fed(b"k", good(2)), Fed(b"other", good(3)), Fed(None, bad(4)), Fed(None, good(5)), Fed(b"k", None))
    assert [(r.key, r.told["fsm.reason"]) for r in letters] == [(b"k", b"rejected"), (b"k", b"quarantined"), (None, b"rejected"), (b"k", b"quarantined")]
    assert numbers(case) == [3, 5]
    case.config["machine"] = mended()
    letters = dead(case, Fed(b"k", good(6)), Fed(b"other", good(7)))
    assert letters[-1].value == good(6) and letters[-1].told["fsm.reason"] == b"quarantined" and len(letters) == 5
    assert say(case, "dlq", "redrive", "--through").code == 1
    assert say(case, "dlq", "redrive", "--json", "--yes").json["sent"] == 5
    letters = dead(case, Fed(b"k", good(8)))
    assert len(letters) == 5
    assert [json.loads(r.value)["i"] if r.value else None for r in case.outputs()] == [3, 5, 7, 1, 2, 4, None, 6, 8]


def test_a_purge_releases_keys_of_which_nothing_is_left(make_case: MakeCase) -> None:
    """Nothing of them could ever come back."""
    case = make_case()
    assert "quarantine" in case.fails(dead_letter={**case.config["dead_letter"], "quarantine": "key"})
    books_of(case)
    assert len(dead(case, Fed(b"k", bad(1)), Fed(b"k", good(2)))) == 2
    assert say(case, "dlq", "purge", "--before", "end", "--json", "--yes").json["released_keys"] == 1
    dead(case, Fed(b"k", good(3)))
    assert numbers(case) == [3]
