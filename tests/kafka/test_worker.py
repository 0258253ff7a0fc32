"""What one worker process owes its operator, on a real Kafka: exit codes, reload, breaker, refusals, metrics."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.kafka.case import MakeCase, good, machine, samples, total
from tests.kafka.outside import Fed
from tests.kafka.worker_process import until
from worker.embedded.ports import free_port

FOR_EVER = str(2**63 - 1)


# --- it does not start ------------------------------------------------------------------------------------------------
def test_without_a_committed_offset_fail_means_78(make_case: MakeCase) -> None:
    """`auto_offset_reset: fail` and no committed offset: 78, nothing read, nothing committed."""
    case = make_case()
    case.feed(Fed(b"k", good(1)))
    text = case.fails(input={"topics": [case.source], "auto_offset_reset": "fail"})
    assert "auto_offset_reset" in text and case.source in text
    assert (case.committed(), case.outputs()) == ({}, [])


def test_with_a_committed_offset_fail_starts_there(make_case: MakeCase) -> None:
    """`auto_offset_reset: fail` is of no consequence once the group has an offset."""
    case = make_case()
    case.feed(Fed(b"k", good(1)))
    with case.run() as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    case.feed(Fed(b"k", good(2)))
    with case.run(input={"topics": [case.source], "auto_offset_reset": "fail"}) as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    assert [json.loads(r.value or b"")["i"] for r in case.outputs()] == [1, 2]


def test_a_missing_output_topic_means_78(make_case: MakeCase) -> None:
    """A topic that is to be written must be there at start, and the message names it."""
    assert "no.such.topic" in make_case().fails(output={"topic": "no.such.topic"})


def test_a_missing_dead_letter_topic_means_78(make_case: MakeCase) -> None:
    """So must the dead-letter topic."""
    assert "no.such.dlq" in make_case().fails(dead_letter={"topic": "no.such.dlq"})


def test_a_compacted_dead_letter_topic_means_78(make_case: MakeCase) -> None:
    """It would refuse the dead letter of a record without a key, and its partition would stand still for ever."""
    case = make_case(dlq={"cleanup.policy": "compact,delete"})
    text = case.fails()
    assert case.dlq in text and "compacted" in text


def test_a_bad_machine_means_78(make_case: MakeCase) -> None:
    """A machine with an error is named before anything starts."""
    broken = machine()
    broken["networks"][0]["arcs"][-1]["to"] = "dnoe"
    assert "dnoe" in make_case().fails(machine=broken)


def test_a_taken_port_means_78(make_case: MakeCase) -> None:
    """The HTTP port of another process: 78, and the message names the port."""
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert str(port) in make_case().fails(http={"host": "127.0.0.1", "port": port})


# --- while it runs ----------------------------------------------------------------------------------------------------
def test_reload_swaps_between_slices_and_refuses_a_bad_machine(make_case: MakeCase, tmp_path: Path) -> None:
    """SIGHUP: the new machine from one record on, never back; a bad one is refused and counted, the old one stays."""
    case = make_case()
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(machine("1")))
    with case.run(machine=str(file), chunk={"max_records": 50}) as running:
        running.ready()
        old = running.status()["machine"]["digest"]
        case.feed(*(Fed(b"k", good(i)) for i in range(2000)))
        file.write_text(json.dumps(machine("2")))
        running.signal(signal.SIGHUP)
        until(lambda: samples(running)["reloads_total", ("ok",)] == 1, 20, "the reload", running)
        case.feed(*(Fed(b"k", good(i)) for i in range(2000, 3000)))
        case.done(running)
        new = running.status()["machine"]
        assert new["version"] == "2" and new["digest"] != old
        broken = machine("3")
        broken["networks"][0]["arcs"][-1]["to"] = "dnoe"
        file.write_text(json.dumps(broken))
        running.signal(signal.SIGHUP)
        until(lambda: samples(running)["reloads_total", ("failed",)] == 1, 20, "the refusal", running)
        assert running.status()["machine"] == new
        case.feed(*(Fed(b"k", good(i)) for i in range(3000, 3100)))
        case.done(running)
        assert running.stop() == 0
    found = [json.loads(r.value or b"") for r in case.outputs()]
    assert [r["i"] for r in found] == list(range(3100))
    versions = [r["v"] for r in found]
    assert versions == sorted(versions) and set(versions[2000:]) == {"2"}


def test_the_breaker_halts_with_79_and_commits_nothing_of_the_slice(make_case: MakeCase) -> None:
    """Committed is exactly what was delivered: no record of the halted slice is sent, none is passed by the offset."""
    case = make_case()
    case.feed(*(Fed(b"k", good(i)) for i in range(100)), *(Fed(b"k", b'{"bad":true}') for _ in range(500)))
    with case.run(dead_letter={"topic": case.dlq, "breaker": {"max_consecutive": 150, "max_ratio": 1}}, chunk={"max_records": 100}) as running:
        assert running.wait() == 79, running.tail()
    delivered = len(case.outputs()) + len(case.dead())
    assert len(case.outputs()) == 100
    assert case.committed() == {0: delivered} and delivered < 250


def test_the_breaker_counts_what_cannot_be_delivered(make_case: MakeCase) -> None:
    """An output topic that takes nothing halts as a bad machine does: dead letters of every reason count, tombstones between them or not."""
    case = make_case(out={"cleanup.policy": "compact"})
    case.feed(*(Fed(b"k", good(i)) for i in range(10)), Fed(b"k", None), *(Fed(None, good(i), partition=0) for i in range(300)))
    with case.run(dead_letter={"topic": case.dlq, "breaker": {"max_consecutive": 150, "max_ratio": 1}}, chunk={"max_records": 100}) as running:
        assert running.wait() == 79, running.tail()
    assert len(case.outputs()) == 11 and len(case.dead()) < 150
    assert case.committed() == {0: 11 + len(case.dead())}


def test_a_second_member_without_partitions_is_ready(make_case: MakeCase) -> None:
    """A member that got nothing is ready all the same, and says so; when the first leaves it takes over."""
    case = make_case()
    with case.run() as first:
        first.ready()
        with case.run("two") as second:
            second.ready()
            assert second.get("/readyz")[0] == 200
            until(lambda: sorted(len(w.status()["partitions"]) for w in (first, second)) == [0, 1], 30, "one owner", second)
            assert first.stop() == 0
            case.feed(Fed(b"k", good(1)))
            case.done(second)
            assert second.stop() == 0
    assert len(case.outputs()) == 1


# --- what cannot be delivered -----------------------------------------------------------------------------------------
def test_a_null_key_for_a_compacted_topic_is_undeliverable(make_case: MakeCase) -> None:
    """The broker would refuse its whole batch: it becomes a dead letter before it is sent, its neighbours pass."""
    case = make_case(out={"cleanup.policy": "compact"})
    case.feed(Fed(b"a", good(1)), Fed(None, good(2)), Fed(b"", good(3)), Fed(None, None))
    with case.run() as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    assert [r.key for r in case.outputs()] == [b"a", b""]
    assert [(r.key, r.value, r.told["fsm.reason"]) for r in case.dead()] == [(None, good(2), b"undeliverable"), (None, None, b"undeliverable")]


def test_a_record_too_large_for_its_output_topic(make_case: MakeCase) -> None:
    """`too_large` by the output topic's own max.message.bytes, headers counted; the dead letter is whole."""
    case = make_case(out={"max.message.bytes": "20000"})
    big, small = json.dumps({"pad": "x" * 50_000}).encode(), json.dumps({"pad": "x" * 15_000}).encode()
    case.feed(Fed(b"a", good(1)), Fed(b"a", big), Fed(b"a", small), Fed(b"a", good(2), [("h", b"y" * 21_000)]), Fed(b"a", good(3)))
    with case.run() as running:
        running.ready()
        case.done(running)
        assert running.stop() == 0
    assert [len(r.value or b"") > 10_000 for r in case.outputs()] == [False, True, False]
    assert [(r.value, r.told["fsm.reason"]) for r in case.dead()] == [(big, b"too_large"), (good(2), b"too_large")]


def test_what_only_the_broker_refuses_is_isolated(make_case: MakeCase) -> None:
    """A topic made smaller behind the worker's back: the culprit alone becomes `too_large`, the others arrive in order, the offset passes."""
    case = make_case()
    big = json.dumps({"i": 1, "pad": "x" * 50_000}).encode()
    with case.run() as running:
        running.ready()
        case.feed(Fed(b"a", good(0)))
        case.done(running)
        case.alter(case.out, "max.message.bytes", "20000")
        case.feed(Fed(b"a", big), *(Fed(b"a", good(i)) for i in range(2, 50)), Fed(b"a", big), *(Fed(b"a", good(i)) for i in range(51, 80)))
        case.done(running)
        found = samples(running)
        assert running.stop() == 0
    seen = list(dict.fromkeys(json.loads(r.value or b"")["i"] for r in case.outputs()))
    assert seen == [0, *range(2, 50), *range(51, 80)]
    assert [(r.value, r.told["fsm.reason"]) for r in case.dead()] == [(big, b"too_large")] * 2
    assert (found["records_processed_total", ("output",)], found["records_processed_total", ("failed",)]) == (78, 2)


def test_a_timestamp_two_hours_ahead_is_written_with_now(make_case: MakeCase) -> None:
    """Outputs and dead letters alike: now instead of what the topic refuses, counted, the neighbours untouched."""
    case = make_case(source={"message.timestamp.after.max.ms": FOR_EVER})
    now = int(time.time() * 1000)
    ahead = now + 7_200_000
    case.feed(Fed(b"a", good(1), timestamp=now - 5000), Fed(b"a", good(2), timestamp=ahead), Fed(b"a", b"{", timestamp=ahead), Fed(b"a", good(3), timestamp=now - 4000))
    with case.run() as running:
        running.ready()
        case.done(running)
        replaced = samples(running)["timestamps_replaced_total", ()]
        assert running.stop() == 0
    first, second, third = case.outputs()
    assert (first.timestamp, third.timestamp) == (now - 5000, now - 4000)
    assert now <= second.timestamp <= time.time() * 1000
    (dead,) = case.dead()
    assert now <= dead.timestamp <= time.time() * 1000
    assert dead.told["fsm.source.timestamp"] == str(ahead).encode()
    assert replaced == 2


@pytest.mark.parametrize("policy", ["pass", "drop", "fail"])
def test_tombstones(make_case: MakeCase, policy: str) -> None:
    """Passed with key, headers and timestamp; dropped without a trace but a count; or a malformed dead letter whose value is null."""
    case = make_case()
    now = int(time.time() * 1000) - 1000
    headers: list[tuple[str, bytes | None]] = [("h", b"1"), ("h", None)]
    case.feed(Fed(b"a", good(1)), Fed(b"a", None, headers, now), Fed(b"a", b"", headers, now), Fed(b"a", good(2)))
    with case.run(input={"topics": [case.source], "tombstones": policy}) as running:
        running.ready()
        case.done(running)
        found = samples(running)
        assert running.stop() == 0
    nulls = [(r.key, r.value, r.headers, r.timestamp) for r in case.outputs() if r.value is None]
    dead = [(r.key, r.value, r.headers[:2], r.timestamp, r.told["fsm.reason"]) for r in case.dead()]
    empty = (b"a", b"", headers, now, b"malformed")
    assert nulls == ([(b"a", None, headers, now)] if policy == "pass" else [])
    assert dead == ([(b"a", None, headers, now, b"malformed"), empty] if policy == "fail" else [empty])
    counts = {name: found["records_processed_total", (name,)] for name in ("output", "tombstone", "drop", "failed")}
    assert counts == {"output": 2, "tombstone": float(policy == "pass"), "drop": float(policy == "drop"), "failed": 2.0 if policy == "fail" else 1.0}


# --- what it tells ----------------------------------------------------------------------------------------------------
def test_metrics_and_status_agree_with_what_was_fed(make_case: MakeCase) -> None:
    """The scrape parses; consumed = processed = fed, produced = acknowledged, committed = the end, lag 0; /status says the same."""
    case = make_case(2)
    kinds = [b'{"bad":true}', b'{"test":true}', b"{", *[good(i) for i in range(7)]]
    fed = case.feed(*(Fed(f"k{i % 31}".encode(), kinds[i % 10]) for i in range(1000)), *(Fed(f"k{i}".encode(), None) for i in range(10)))
    with case.run() as running:
        ready = running.ready()
        assert ready == {"event": "ready", "name": "case", "pid": running.process.pid, "http": running.http, "members": 1}
        case.done(running)
        until(lambda: total(samples(running), "consumer_lag_records") == 0, 20, "lag 0", running)
        found, status = samples(running), running.status()
        assert (running.get("/readyz")[0], running.get("/livez")[0]) == (200, 200)
        assert running.stop() == 0
    processed = {k[1][0]: v for k, v in found.items() if k[0] == "records_processed_total"}
    assert processed == {"output": 700, "error": 100, "drop": 100, "failed": 100, "tombstone": 10}
    assert total(found, "records_consumed_total") == sum(processed.values()) == fed == total(found, "committed_offset")
    assert (found["records_produced_total", (case.out,)], found["records_produced_total", (case.dlq,)]) == (710, 200) == (len(case.outputs()), len(case.dead()))
    assert (found["dead_letters_total", ("rejected",)], found["dead_letters_total", ("malformed",)]) == (100, 100)
    assert total(found, "chunk_records_sum") == fed == total(found, "end_to_end_latency_seconds_count")
    assert total(found, "in_flight_records") == total(found, "in_flight_bytes") == 0
    assert found["arc_records_total", ("start", "marked")] == found["state_records_total", ("done",)] == 700
    assert set(status) == {"name", "state", "guarantee", "machine", "uptime_s", "members", "partitions", "totals", "rates", "states", "arcs", "dead_letters",
                           "last_errors"}
    assert status["totals"] == {"consumed": fed, "produced": 910, "dead_lettered": 200, "dropped": 100, "retried": 0}
    assert (status["state"], status["guarantee"], status["members"]) == ("running", "at_least_once", 1)
    assert sorted(p["partition"] for p in status["partitions"]) == [0, 1]
    for lane in status["partitions"]:
        assert set(lane) == {"topic", "partition", "member", "position", "committed", "end", "lag", "lag_seconds", "in_flight", "in_flight_bytes",
                             "oldest_in_flight_s", "paused"}
        assert lane["committed"] == lane["position"] == lane["end"] and lane["lag"] == 0 and lane["paused"] == []
    assert status["dead_letters"] == {"rejected": 100, "malformed": 100}


def test_last_errors_name_the_record_that_failed(make_case: MakeCase) -> None:
    """The offset that /status tells is the bad record's own, tombstones before it or not."""
    case = make_case()
    case.feed(Fed(b"a", None), Fed(b"a", None), Fed(b"a", good(1)), Fed(b"a", b"{"), Fed(b"a", good(2)))
    with case.run() as running:
        running.ready()
        case.done(running)
        errors = running.status()["last_errors"]
        assert running.stop() == 0
    assert [(e["offset"], e["reason"], e["topic"]) for e in errors] == [(3, "malformed", case.source)]
