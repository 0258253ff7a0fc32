"""The examples: the commands that their README gives, run as they stand there, and what comes out of each."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsm_core import check, load
from fsm_core.casebook import run_tests, untaken_arcs

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS = {found[1]: found[0] for found in re.findall(r"^((?:fsm-worker|python) .*?examples/(\w+)/.*)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)}
FUNCTIONS = {"customer": str}  # a safe machine's `ref`; its tests answer for it
MACHINES = sorted(p for p in EXAMPLES.glob("*/*.yaml") if p.name != "worker.yaml")


def run(name: str, folder: Path) -> str:
    """What the example prints; it is run in `folder`, where `examples` leads to ours."""
    (folder / "examples").symlink_to(EXAMPLES)
    program, *arguments = shlex.split(COMMANDS[name])
    command = [sys.executable, "-m", "worker"] if program == "fsm-worker" else [sys.executable]
    done = subprocess.run([*command, *arguments], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
                          capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(folder: Path) -> set[str]:
    """The names of the files that the example made."""
    return {p.name for p in (folder / "out").iterdir()}


def test_every_example_has_its_command() -> None:
    """No folder without one, no command without a folder; the demo has `make demo`, the jobs are machines alone."""
    folders = {p.name for p in EXAMPLES.iterdir() if p.is_dir()}
    assert set(COMMANDS) | {"demo", "jobs"} == folders
    assert all((EXAMPLES / name / "machine.yaml").is_file() for name in folders - {"jobs"})


@pytest.mark.parametrize("machine", MACHINES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_check_finds_nothing(machine: Path) -> None:
    """As a file, not trusted."""
    assert [f for f in check(machine) if f.severity != "info"] == []


@pytest.mark.parametrize("machine", MACHINES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_its_own_tests_pass_and_take_every_arc(machine: Path) -> None:
    """The tests that stand in the document."""
    loaded = load(machine, functions=FUNCTIONS)
    results = run_tests(loaded)
    assert [(r.name, r.lines()) for r in results if not r.passed] == []
    assert [arc.name for arc in untaken_arcs(loaded.definition, results)] == []


def test_file_to_file(tmp_path: Path) -> None:
    """Four outputs with their tiers, two error ends apart, two dead letters."""
    assert "4 successful, 4 failed (2 rejected, 1 malformed), 0 dropped" in run("file_to_file", tmp_path)
    out = lines(tmp_path / "out" / "processed.jsonl")
    assert [(r["id"], r["value_tier"], r["risk_score"]) for r in out] == [(0, "low", 0.25), (1, "medium", 100), (3, "high", 100), (7, "low", 100)]
    assert out[1] == {"id": 1, "original_value": 1500, "doubled_value": 3000, "squared_value": 2250000, "category": "cat_1",
                      "status": "processed", "value_tier": "medium", "risk_score": 100}
    assert [r["id"] for r in lines(tmp_path / "out" / "errors.jsonl")] == [2, 4]
    assert [(d["position"], d["reason"]) for d in lines(tmp_path / "out" / "processed.jsonl.dead.jsonl")] == [(5, "transform"), (6, "malformed")]


def test_generator_to_file(tmp_path: Path) -> None:
    """A thousand records, every hundredth without a value; progress once a chunk."""
    printed = run("generator_to_file", tmp_path).splitlines()
    assert printed[-1] == "990 successful, 10 failed"
    assert printed[-2] == "Streamed 1000 records..."
    out = lines(tmp_path / "out" / "processed.jsonl")
    assert [r["id"] for r in out] == [n for n in range(1000) if n % 100]
    assert all(r["doubled_value"] == r["id"] * 20 and r["status"] == "processed" for r in out)
    assert [r["id"] for r in lines(tmp_path / "out" / "errors.jsonl")] == list(range(0, 1000, 100))
    assert written(tmp_path) == {"processed.jsonl", "errors.jsonl"}


def test_two_stages(tmp_path: Path) -> None:
    """Each stage and the whole; no file between."""
    assert run("two_stages", tmp_path).splitlines() == [
        "DataCleaner: 8 in, 5 out, 3 failed, 0 dropped", "Processor: 5 in, 3 out, 1 failed, 1 dropped", "in all: 8 in, 3 out, 4 failed, 1 dropped"]
    assert [(r["id"], r["value"], r["category"], r["tier"]) for r in lines(tmp_path / "out" / "final.jsonl")] == [
        (1, 120.5, "BOOKS", "low"), (4, 900, "GAMES", "high"), (8, 501, "MUSIC", "high")]
    assert lines(tmp_path / "out" / "errors.jsonl") == [
        {"value": 7, "category": "games"}, {"id": 5, "value": 10, "category": "FOOD"}, {"id": 6, "value": "a lot", "category": "music"}]
    assert [d["position"] for d in lines(tmp_path / "out" / "final.jsonl.dead.jsonl")] == [6]
    assert written(tmp_path) == {"final.jsonl", "errors.jsonl", "final.jsonl.dead.jsonl"}


def test_etl(tmp_path: Path) -> None:
    """Typed and priced orders; the unreadable ones as they came."""
    assert "not a time: '31.02.2026'" in run("etl", tmp_path)
    out = lines(tmp_path / "out" / "orders.jsonl")
    assert out[0] == {"order": "1001", "customer": "Ada Lovelace", "qty": 2, "price": 9.95, "ordered_at": "2026-02-03T00:00:00Z", "total": 19.9}
    assert [r["total"] for r in out] == [19.9, 120, 3.5]
    assert [(r["order"], r["qty"]) for r in lines(tmp_path / "out" / "rejected.jsonl")] == [("1003", "three"), ("1005", "1")]


def test_analytics(tmp_path: Path) -> None:
    """Counts by minute and section that add up to the views of people."""
    *table, last = run("analytics", tmp_path).splitlines()
    assert last == "120 views, 40 of robots"
    assert table[:3] == ["2026-03-01T12:00:00Z blog  4", "2026-03-01T12:00:00Z home  6", "2026-03-01T12:00:00Z shop  10"]
    assert (len(table), sum(int(line.split()[-1]) for line in table)) == (12, 80)


def test_logs(tmp_path: Path) -> None:
    """Requests parsed and marked, in UTC and without full addresses; the health check dropped."""
    assert "3 successful, 1 failed (1 rejected, 0 malformed), 1 dropped" in run("logs", tmp_path)
    out = lines(tmp_path / "out" / "access.jsonl")
    assert [(r["ip"], r["status"], r["level"]) for r in out] == [("192.0.2.0", 200, "info"), ("198.51.100.0", 503, "error"), ("203.0.113.0", 404, "info")]
    assert out[1]["at"] == "2026-03-01T12:00:02Z"
    assert lines(tmp_path / "out" / "rejected.jsonl") == [{"line": "this is no access line"}]


def test_migration(tmp_path: Path) -> None:
    """The new layout, without passwords; the deleted one stays behind, the wrong one is rejected."""
    run("migration", tmp_path)
    out = lines(tmp_path / "out" / "users.jsonl")
    assert [(r["id"], r["name"]["first"], r["name"]["last"], r["status"]) for r in out] == [
        ("u-7", "Ada", "Lovelace", "active"), ("u-8", "Grace", "Brewster Hopper", "closed"), ("u-11", "Cher", "", "active")]
    assert {"password", "uid", "mail"}.isdisjoint(out[0])
    assert out[0]["email_key"] == "63be4e38c785f0f3"  # sha256 of pepper + ada@example.org
    assert [r["uid"] for r in lines(tmp_path / "out" / "rejected.jsonl")] == ["10"]


def test_events(tmp_path: Path) -> None:
    """A file a route."""
    assert run("events", tmp_path) == "archive: 1, ledger: 2, people: 1, rejected: 2, malformed: 1\n"
    out = tmp_path / "out"
    assert [(r["id"], r["cents"]) for r in lines(out / "ledger.jsonl")] == [("e2", 1990), ("e5", 7)]
    assert [r["id"] for r in lines(out / "people.jsonl")] == ["e3"]
    assert [(r["id"], r["at"]) for r in lines(out / "archive.jsonl")] == [("e1", "2026-03-01T12:00:00Z")]
    assert [r.get("id") for r in lines(out / "rejected.jsonl")] == ["e4", None]
    assert [d["position"] for d in lines(out / "dead.jsonl")] == [6]


def test_iot(tmp_path: Path) -> None:
    """Readings in one unit, alerts called out, impossible ones apart; together all that were read."""
    *alerts, last = run("iot", tmp_path).splitlines()
    out = [json.loads(line) for line in gzip.decompress((tmp_path / "out" / "readings.jsonl.gz").read_bytes()).splitlines()]
    assert last == "300 readings: {'normal': 238, 'rejected': 10, 'alert': 52}"
    assert (len(out), len(alerts)) == (238, 52)
    assert alerts[0] == "ALERT s2: 61 °C (reading 41)"
    assert all(r["unit"] == "C" and r["value"] <= 60 for r in out)
    assert {r["value"] for r in lines(tmp_path / "out" / "rejected.jsonl")} == {999}
