"""The audit finds what was lost, doubled or out of order, and nothing where nothing is."""

from __future__ import annotations

import json
import os

from tests.kafka.case import MakeCase, good
from tests.kafka.outside import Fed, feed
from tests.kafka.test_dlq import bad, dead, mended
from tests.kafka.verbs import say

LETTERS = int(os.environ.get("FSM_TEST_LETTERS", "10000"))


def told(case: object, offset: int, digest: bytes = b"") -> list[tuple[str, bytes | None]]:
    """Provenance as the worker writes it."""
    return [("fsm.source.topic", case.source.encode()), ("fsm.source.partition", b"0"),  # type: ignore[attr-defined]
            ("fsm.source.offset", b"%d" % offset), ("fsm.machine.digest", digest)]


def test_everything_that_is_wrong_is_found(make_case: MakeCase) -> None:
    """Clean after a run with outputs, dead letters, drops and tombstones; then each wrong, made by hand, by its name."""
    case = make_case()
    case.config["output"]["provenance"] = True
    mixed = [Fed(b"a", good(1)), Fed(b"a", bad(2)), Fed(b"b", b'{"test": true}'), Fed(b"b", None), Fed(b"c", b"junk")]
    assert len(dead(case, *mixed)) == 2
    clean = say(case, "audit", "--json")
    assert clean.code == 0
    assert {n: clean.json[n] for n in ("inputs", "outputs", "dead_letters", "drops", "lost", "doubled", "out_of_order", "unaccounted")} == {
        "inputs": 5, "outputs": 2, "dead_letters": 2, "drops": 1, "lost": 0, "doubled": 0, "out_of_order": 0, "unaccounted": 0}
    digest = dict(case.outputs()[0].headers)["fsm.machine.digest"] or b""
    case.feed(Fed(b"a", good(6)), Fed(b"a", good(7)), Fed(b"a", b'{"test": true}'), Fed(b"a", good(9)), Fed(b"a", good(10)))
    feed(case.bootstrap, case.out, [
        Fed(b"a", b"{}", told(case, 0, digest)),                                            # doubled
        Fed(b"a", b"{}", [*told(case, 8, digest), ("fsm.source.child", b"0/2")]),           # a child of two
        Fed(b"a", b"{}", [*told(case, 9, digest), ("fsm.source.child", b"0/2")]),
        Fed(b"a", b"{}", [*told(case, 9, digest), ("fsm.source.child", b"1/2")]),
        Fed(b"a", b"{}", told(case, 6, digest)),                                            # after 9
        Fed(b"a", b"{}")])                                                                  # nobody's
    verdict = say(case, "audit", "--json", "--to", "10")
    assert verdict.code == 1
    found = verdict.json
    assert (found["doubled"], found["out_of_order"], found["lost"], found["drops"], found["strangers"]) == (1, 1, 2, 2, 1), found
    assert any(f"{case.source}:0:5" in e and e.startswith("lost") for e in found["examples"])
    other = say(case, "audit", "--json", "--from", "5", "--to", "6", machine=mended()).json
    assert (other["ok"], other["unaccounted"], other["lost"]) == (True, 1, 0)
    assert say(case, "audit", output={"topic": case.out}).code == 78


def test_what_depends_on_the_time_is_nobody_s_to_judge(make_case: MakeCase) -> None:
    """A record that is dropped before the clock is asked is a drop; one whose way asks it is neither a drop nor lost."""
    case = make_case()
    case.config["output"]["provenance"] = True
    case.feed(Fed(b"a", b'{"test": true}'), Fed(b"a", b'{"at": 0}'), Fed(b"a", b"junk"))
    timed = {"name": "timed", "states": [{"name": "in", "is_start": True}, {"name": "aged", "set": {"age": "=state.now - data.at"}},
                                         {"name": "output", "is_end": True}, {"name": "old", "is_end": True, "outcome": "drop"}],
             "arcs": [{"from": "in", "to": "old", "condition": "coalesce(data.test, False)"}, {"from": "in", "to": "aged", "else": True},
                      {"from": "aged", "to": "old", "condition": "data.age > 60"}, {"from": "aged", "to": "output", "else": True}]}
    found = say(case, "audit", "--json", "--to", "3", machine=timed).json
    assert (found["drops"], found["unaccounted"], found["lost"]) == (1, 1, 1), found
    assert any("what aged makes of it depends on the time" in e for e in found["examples"])


def test_ten_thousand_dead_letters_come_back_once(make_case: MakeCase) -> None:
    """The machine is mended, all are sent back, the worker runs: each is processed once and in order, the audit is clean."""
    case = make_case(4)
    case.config["output"]["provenance"] = True
    assert len(dead(case, *(Fed(b"k%d" % (i % 97), bad(i)) for i in range(LETTERS)))) == LETTERS
    report = say(case, "dlq", "redrive", "--json", "--yes", "--rate", "0").json
    assert (report["sent"], report["left"]) == (LETTERS, {})
    print(f"redrive of {LETTERS}: {report['seconds']} s")
    case.config["machine"] = mended()
    with case.run() as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    outputs = [(r.key, json.loads(r.value or b"")["i"]) for r in case.outputs()]
    assert sorted(i for _, i in outputs) == list(range(LETTERS))
    for key in {k for k, _ in outputs}:
        numbers = [i for k, i in outputs if k == key]
        assert numbers == sorted(numbers)
    verdict = say(case, "audit", "--json")
    assert verdict.code == 0, verdict.out
    assert (verdict.json["inputs"], verdict.json["outputs"], verdict.json["dead_letters"]) == (2 * LETTERS, LETTERS, LETTERS)
    print(f"audit: {verdict.json['seconds']} s")
