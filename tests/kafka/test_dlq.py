"""Dead letters come back: seen, explained, sent back once, in order and byte for byte, deleted."""

from __future__ import annotations

import asyncio
import json

import pytest

from fsm_core.engine.batch import Failure
from tests.kafka.case import Case, MakeCase, machine
from tests.kafka.outside import Fed, Read, feed, read
from tests.kafka.verbs import say
from tests.unit.test_dead_letters import facts
from worker.delivery.dead_letters import DeadLetters
from worker.kafka.returning import Returning
from worker.runtime.ports import EpochOver, Partition


def bad(i: int) -> bytes:
    """A record that the first machine rejects."""
    return json.dumps({"i": i, "bad": True}).encode()


def mended() -> dict[str, object]:
    """The machine without its rejection."""
    good = machine("2")
    good["networks"][0]["arcs"] = [a for a in good["networks"][0]["arcs"] if a["to"] != "rejected"]
    good["networks"][0]["states"] = [s for s in good["networks"][0]["states"] if s["name"] != "rejected"]
    return good


def written(case: Case, *records: Fed) -> list[Read]:
    """Feed, and write dead letters of all of it as the worker would."""
    case.feed(*records)
    made = DeadLetters({case.dlq: facts()}, case.dlq, "Marks", "d")
    letters = [(r.partition, made.make(r, case.source, r.partition, 0, Failure("malformed" if (r.value or b"")[:1] != b"{" else "rejected", state="rejected")))
               for r in read(case.bootstrap, case.source)]
    feed(case.bootstrap, case.dlq, [Fed(o.key, o.value, o.headers, o.timestamp, partition) for partition, o in letters])
    return case.dead()


def dead(case: Case, *records: Fed) -> list[Read]:
    """Feed, run the worker until all of it is done, and give the dead letters."""
    case.feed(*records)
    with case.run() as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    return case.dead()


def test_list_filters_and_show_keeps_every_byte(make_case: MakeCase) -> None:
    """By reason, key, partition, state; one JSON object a line; `show` gives headers and value back."""
    case = make_case(2)
    letters = written(case, Fed(b"a", bad(1), [("x", b"\xff")]), Fed(b"b", b"no json"), Fed(b"a", bad(2)), Fed(None, bad(3), partition=1))
    assert len(letters) == 4
    everything = say(case, "dlq", "list", "--json").lines
    assert {(r["partition"], r["offset"]) for r in everything} == {(r.partition, r.offset) for r in letters}
    assert [r["reason"] for r in say(case, "dlq", "list", "--json", "--reason", "malformed").lines] == ["malformed"]
    assert [r["key"] for r in say(case, "dlq", "list", "--json", "--key", "a").lines] == ["a", "a"]
    assert len(say(case, "dlq", "list", "--json", "--until", "1h").lines) == 0
    assert len(say(case, "dlq", "list", "--json", "--since", "1h").lines) == 4
    assert say(case, "dlq", "list", "--count", "--json").json["total"] == 4
    first = next(r for r in letters if r.value == bad(1))
    shown = say(case, "dlq", "show", f"{first.partition}:{first.offset}", "--json").json
    assert shown["value"].encode() == first.value and shown["headers"][0] == {"name": "x", "value_base64": "/w=="}
    assert say(case, "dlq", "show", "0:99999").code == 1


def test_explain_says_then_and_now(make_case: MakeCase) -> None:
    """Rejected then, an output of today's machine."""
    case = make_case()
    letter, = written(case, Fed(b"a", bad(1)))
    where = f"{letter.partition}:{letter.offset}"
    then = say(case, "dlq", "explain", where, "--json").json
    assert (then["then"]["reason"], then["now"]["outcome"]) == ("rejected", "error")
    now = say(case, "dlq", "explain", where, "--json", machine=mended()).json["now"]
    assert now["outcome"] == "output" and json.loads(now["sent"][0]["value"])["v"] == "2"
    assert "now: output" in say(case, "dlq", "explain", where, machine=mended()).out


def test_a_redrive_sends_the_originals_once(make_case: MakeCase) -> None:
    """Nothing without --yes; key, value, headers and timestamp as they were; fsm.* stripped but for fsm.redrives; never twice."""
    case = make_case(3)
    fed = [Fed(b"k%d" % (i % 7), bad(i), [("x", b"%d" % i), ("x", None)], 1_700_000_000_000 + i) for i in range(50)] + [Fed(None, bad(50), partition=2)]
    before = len(written(case, *fed))
    assert before == 51
    dry = say(case, "dlq", "redrive", "--json").json
    assert (dry["executed"], dry["sent"]) == (False, 51) and len(read(case.bootstrap, case.source)) == 51
    done = say(case, "dlq", "redrive", "--json", "--yes").json
    assert (done["sent"], done["left"]) == (51, {})
    assert say(case, "dlq", "redrive", "--json", "--yes").json["sent"] == 0
    everything = read(case.bootstrap, case.source)
    originals = [r for r in everything if "fsm.redrives" not in r.told]
    back = [r for r in everything if "fsm.redrives" in r.told]
    assert len(originals) == len(back) == 51
    for partition in range(3):
        ours, again = ([r for r in each if r.partition == partition] for each in (originals, back))
        assert [(r.key, r.value, r.timestamp) for r in again] == [(r.key, r.value, r.timestamp) for r in ours]
        assert [r.headers for r in again] == [[*r.headers, ("fsm.redrives", b"1")] for r in ours]


def test_counting_leaves_a_redrive_alone_and_another_takes_over(make_case: MakeCase) -> None:
    """One that only counts shuts nobody out; a second one does, and the first is told so."""
    case = make_case()
    written(case, Fed(b"a", bad(1)), Fed(b"b", bad(2)))
    where, group = {"bootstrap_servers": case.bootstrap}, f"{case.config['kafka']['group_id']}.redrive"

    async def enter() -> Returning:
        return await Returning(where, where, group).__aenter__()

    with asyncio.Runner() as runner:
        first = runner.run(enter())
        try:
            assert say(case, "dlq", "redrive", "--json").json["sent"] == 2
            runner.run(first.commit({Partition(case.dlq, 0): (1, "")}))
            again = say(case, "dlq", "redrive", "--json", "--yes").json
            assert (again["sent"], again["begins"]) == (1, {"0": 1})
            with pytest.raises(EpochOver):
                runner.run(first.commit({Partition(case.dlq, 0): (1, "")}))
        finally:
            runner.run(first.__aexit__(None, None, None))


def test_what_is_not_there_is_told(make_case: MakeCase) -> None:
    """Usage errors are 2, a missing partition or record 1, a missing topic 78, no broker 69."""
    case = make_case()
    letter, = written(case, Fed(b"a", bad(1)))
    assert say(case, "dlq", "list", "--reason", "nope").code == 2
    assert say(case, "dlq", "show", f"elsewhere:{letter.partition}:{letter.offset}").code == 2
    missing = say(case, "dlq", "list", "--partition", "7")
    assert missing.code == 1 and "no partition 7" in missing.err
    nobody = say(case, "dlq", "list", "--key", "nobody")
    assert nobody.code == 0 and "no dead letters that fit" in nobody.err and not nobody.out
    assert say(case, "dlq", "list", dead_letter={"topic": "nowhere"}).code == 78
    away = say(case, "audit", kafka={"bootstrap_servers": "localhost:1"}, output={**case.config["output"], "provenance": True})
    assert away.code == 69 and "localhost:1" in away.err


def test_filtered_redrives_add_up(make_case: MakeCase) -> None:
    """What a filter passed over can go back later, and what went back does not again."""
    case = make_case()
    assert len(written(case, Fed(b"a", bad(1)), Fed(b"b", b"junk"), Fed(b"a", bad(2)), Fed(b"b", b"junk"))) == 4
    assert say(case, "dlq", "redrive", "--json", "--yes", "--reason", "malformed").json["sent"] == 2
    rest = say(case, "dlq", "redrive", "--json", "--yes").json
    assert (rest["sent"], rest["already_sent_back"]) == (2, 2)
    assert [r.value for r in read(case.bootstrap, case.source)[4:]] == [b"junk", b"junk", bad(1), bad(2)]


def test_loops_are_refused(make_case: MakeCase) -> None:
    """A letter that went back too often stays, and so does what follows it of its key; strangers stay too."""
    case = make_case()
    written(case, Fed(b"a", bad(1), [("fsm.redrives", b"2")]), Fed(b"a", bad(2)), Fed(b"b", bad(3)))
    feed(case.bootstrap, case.dlq, [Fed(b"s", b"stranger")])
    report = say(case, "dlq", "redrive", "--json", "--yes", "--max-redrives", "2").json
    assert report["sent"] == 1 and sum(report["left"].values()) == 3
    assert read(case.bootstrap, case.source)[-1].value == bad(3)
    assert say(case, "dlq", "redrive", "--json", "--yes", "--max-redrives", "3").json["sent"] == 2


def test_through_the_machine_what_fails_still_stays(make_case: MakeCase) -> None:
    """Outputs come without the source topic; a failing letter holds those of its key."""
    case = make_case()
    written(case, Fed(b"a", bad(1)), Fed(b"b", b"junk"), Fed(b"b", bad(2)), Fed(b"c", bad(3)))
    report = say(case, "dlq", "redrive", "--through", "--json", "--yes", machine=mended()).json
    assert (report["sent"], sum(report["left"].values())) == (2, 2)
    assert [json.loads(r.value or b"")["i"] for r in case.outputs()] == [1, 3]
    assert len(read(case.bootstrap, case.source)) == 4


def test_purge_deletes_after_showing(make_case: MakeCase) -> None:
    """Nothing without --yes, then exactly what stands before the offset."""
    case = make_case()
    written(case, *(Fed(b"a", bad(i)) for i in range(5)))
    assert say(case, "dlq", "purge", "--before", "3", "--json").json["deleted"] == 3
    assert len(say(case, "dlq", "list", "--json").lines) == 5
    assert say(case, "dlq", "purge", "--before", "0:3", "--json", "--yes").json["first_offsets"] == {"0": 3}
    assert [r["offset"] for r in say(case, "dlq", "list", "--json").lines] == [3, 4]
