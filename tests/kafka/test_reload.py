"""A machine is swapped in a running worker on a real Kafka: by SIGHUP, by a watched file, by POST; under traffic, with calls under way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.case import Case, MakeCase, good, machine, samples
from tests.kafka.outside import Fed
from tests.kafka.worker_process import WorkerProcess, until

KEYS = 7


@contextlib.contextmanager
def traffic(case: Case) -> Iterator[list[int]]:
    """Feed without a pause, each hundredth record bad; the list grows by what was acknowledged."""
    fed: list[int] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            first = len(fed)
            batch = [Fed(f"k{i % KEYS}".encode(), good(i) if i % 100 else json.dumps({"i": i, "bad": True}).encode()) for i in range(first, first + 200)]
            case.feed(*batch)
            fed.extend(range(first, first + 200))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield fed
    finally:
        over.set()
        thread.join(60)


def reloads(running: WorkerProcess, result: str) -> float:
    """How many of a result were counted."""
    return samples(running).get(("reloads_total", (result,)), 0)


def moved(running: WorkerProcess, by: int) -> None:
    """Wait until so many more records are through."""
    goal = running.status()["totals"]["produced"] + by
    until(lambda: running.status()["totals"]["produced"] >= goal, 30, f"{by} more records", running)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_sighup_under_traffic(make_case: MakeCase, tmp_path: Path, guarantee: str) -> None:
    """Good: new from some offset on in each partition, never back, nothing lost or out of order, both digests in dead letters. Bad: the old stays."""
    case = make_case(2)
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(machine("1")))
    with case.run(machine=str(file), chunk={"max_records": 50}, delivery={"guarantee": guarantee}) as running:
        with traffic(case) as fed:
            running.ready()
            old = running.status()["machine"]
            moved(running, 500)
            file.write_text(json.dumps(machine("2")))
            running.signal(signal.SIGHUP)
            until(lambda: reloads(running, "ok") == 1, 20, "the reload", running)
            new = running.status()["machine"]
            moved(running, 500)
            file.write_text(json.dumps({**machine("3"), "tests": [{"name": "wrong", "given": {"i": 1}, "expect": {"data": {"v": "2"}}}]}))
            running.signal(signal.SIGHUP)
            until(lambda: reloads(running, "failed") == 1, 20, "the refusal", running)
            assert running.status()["machine"] == new
            assert ("machine_info", (new["digest"], new["name"], "2")) in samples(running)
            moved(running, 500)
        case.done(running)
        assert running.stop() == 0
    outputs, dead = case.outputs(), case.dead()
    numbers = [json.loads(r.value or b"")["i"] for r in outputs]
    assert sorted(numbers) == [i for i in fed if i % 100] and len(dead) == sum(i % 100 == 0 for i in fed)
    for key in {r.key for r in outputs}:
        found = [json.loads(r.value or b"") for r in outputs if r.key == key]
        assert [r["i"] for r in found] == sorted(r["i"] for r in found)
        assert [r["v"] for r in found] == sorted(r["v"] for r in found)
    assert {json.loads(r.value or b"")["v"] for r in outputs} == {"1", "2"}
    assert {r.told["fsm.machine.digest"] for r in dead} == {old["digest"].encode(), new["digest"].encode()}
    assert old["digest"] != new["digest"] and new["loaded_at"] > old["loaded_at"]


def test_a_watched_config_map(make_case: MakeCase, tmp_path: Path) -> None:
    """`reload: watch`: the link `..data` moves, as Kubernetes does it, and the new machine runs; no signal is sent."""
    case = make_case()
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "machine.json").write_text(json.dumps(machine(version)))
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "machine.json").symlink_to("..data/machine.json")
    with case.run(machine=str(tmp_path / "machine.json"), reload="watch") as running:
        running.ready()
        (tmp_path / "new").symlink_to("2")
        os.rename(tmp_path / "new", tmp_path / "..data")
        until(lambda: running.status()["machine"]["version"] == "2", 20, "the new machine", running)
        assert running.stop() == 0


def post(running: WorkerProcess, path: str, token: str = "secret") -> tuple[int, dict[str, Any]]:
    """Status and answer of a control."""
    request = urllib.request.Request(running.http + path, method="POST", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {}


def test_the_operator_reloads_pauses_and_resumes(make_case: MakeCase, tmp_path: Path) -> None:
    """With the token: 200, or 409 with why the old machine stays; without it 401. Paused, nothing comes out."""
    case = make_case()
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(machine("1")))
    with case.run(machine=str(file), http={"host": "127.0.0.1", "port": 0, "token": "secret"}) as running:
        running.ready()
        file.write_text(json.dumps(machine("2")))
        assert post(running, "/reload", "wrong")[0] == 401 and running.status()["machine"]["version"] == "1"
        assert post(running, "/reload")[0] == 200 and running.status()["machine"]["version"] == "2"
        file.write_text("{")
        code, answer = post(running, "/reload")
        assert code == 409 and "the old machine stays" in answer["error"] and running.status()["machine"]["version"] == "2"
        assert post(running, "/pause")[0] == 200
        case.feed(Fed(b"k", good(1)))
        assert running.status()["state"] == "paused" and running.status()["partitions"][0]["paused"] == ["operator"]
        assert running.status()["totals"]["produced"] == 0
        assert post(running, "/resume")[0] == 200
        case.done(running)
        assert running.stop() == 0
    assert [json.loads(r.value or b"")["v"] for r in case.outputs()] == ["2"]
