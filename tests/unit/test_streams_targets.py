"""Where records go: sinks by route, dead letters to wherever the caller wants them, and what the terminal shows."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsm_core import AsyncSimpleFSM, CoreStreamConfig
from fsm_core.errors import SinkError

ROUTER: dict[str, Any] = {
    "name": "router",
    "states": [
        {"name": "in", "is_start": True, "set": {"half": "=1 / data.n"}},
        {"name": "big", "is_end": True, "route": "big"},
        {"name": "small", "is_end": True, "route": "small"},
        {"name": "plain", "is_end": True},
        {"name": "error", "is_end": True},
    ],
    "arcs": [
        {"from": "in", "to": "error", "condition": "data.n < 0"},
        {"from": "in", "to": "big", "condition": "data.n > 100"},
        {"from": "in", "to": "plain", "condition": "data.n == 7"},
        {"from": "in", "to": "small", "else": True},
    ],
}
RECORDS = [{"n": n} for n in (1, 200, 7, 0, -5, 2, 300)]
BOTH = pytest.mark.parametrize("processes", [1, 2])


def run(sink: Any, processes: int = 1, source: Any = RECORDS, **more: Any) -> dict[str, Any]:
    """One stream; the sum holds."""
    limits = CoreStreamConfig(chunk_size=2, parallelism=processes)
    summary = asyncio.run(AsyncSimpleFSM(ROUTER).process_stream(source, sink, config=limits, **more))
    assert summary["successful"] + summary["failed"] + summary["dropped"] == summary["total_records"]
    return summary


def numbers(path: Path) -> list[int]:
    """The `n` of each line."""
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


@BOTH
def test_each_route_has_its_sink(tmp_path: Path, processes: int) -> None:
    """By name; what has no route, a route without a sink, and error ends go to the sink of no route."""
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("big", "rest")}
    summary = run({"big": paths["big"], None: paths["rest"]}, processes)
    assert (numbers(paths["big"]), numbers(paths["rest"])) == ([200, 300], [1, 7, -5, 2])
    assert summary["by_state"] == {"big": 2, "small": 2, "plain": 1, "error": 1}


@BOTH
def test_without_a_sink_for_them_error_ends_are_dead_letters(tmp_path: Path, processes: int) -> None:
    """Sinks for all routes, none for errors and no dead letters' own: nothing is silently lost."""
    machine = ROUTER | {"states": [s for s in ROUTER["states"] if s["name"] != "plain"], "arcs": [a for a in ROUTER["arcs"] if a["to"] != "plain"]}
    big: list[Any] = []
    small: list[Any] = []
    letters = tmp_path / "dead.jsonl"
    limits = CoreStreamConfig(chunk_size=2, parallelism=processes)
    summary = asyncio.run(AsyncSimpleFSM(machine).process_stream(RECORDS, {"big": big.extend, "small": small.extend}, dead_letter=letters, config=limits))
    assert ([r["n"] for r in big], [r["n"] for r in small]) == ([200, 300], [1, 7, 2])
    dead = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [(d["position"], d["reason"], d["record"]["n"]) for d in dead] == [(3, "transform", 0), (4, "rejected", -5)]
    assert (summary["successful"], summary["rejected"], summary["failed"]) == (5, 1, 2)


def test_missing_route_is_refused(tmp_path: Path) -> None:
    """Before anything is read or written."""
    with pytest.raises(SinkError, match="small"):
        run({"big": tmp_path / "big.jsonl"})
    with pytest.raises(SinkError, match="both"):
        run({"big": tmp_path / "one.jsonl", None: tmp_path / "one.jsonl"})
    assert list(tmp_path.iterdir()) == []


class Kept:
    """An object with `write`, and a `flush` that may wait."""

    def __init__(self) -> None:
        self.letters: list[dict[str, Any]] = []
        self.flushed = 0

    async def write(self, letters: list[dict[str, Any]]) -> None:
        """Take them."""
        self.letters += letters

    async def flush(self) -> None:
        """Called once, at the end."""
        self.flushed += 1


@BOTH
def test_dead_letters_go_to_a_callable_or_an_object(processes: int) -> None:
    """As records, with the position in the source; also without any sink."""
    got: list[Any] = []
    run(None, processes, dead_letter=got.extend)
    kept = Kept()
    run(None, processes, dead_letter=kept)
    assert got == kept.letters
    assert [(d["position"], d["reason"], d["record"]) for d in got] == [(3, "transform", {"n": 0})]
    assert kept.flushed == 1


@pytest.mark.parametrize("name", ["dead.jsonl.gz", "dead.log", "dead"])
def test_dead_letters_go_to_any_path(tmp_path: Path, name: str) -> None:
    """As JSON lines whatever the path is called; compressed if it says so. A stale one is gone when there are none."""
    import gzip

    path = tmp_path / name
    run(None, dead_letter=path)
    raw = path.read_bytes()
    assert json.loads(gzip.decompress(raw) if name.endswith("gz") else raw)["position"] == 3
    run(None, source=RECORDS[:2], dead_letter=path)
    assert not path.exists()


def test_dead_letters_without_a_home_are_counted_and_listed() -> None:
    """No path sink and no `dead_letter`: nothing is written, everything is counted."""
    got: list[Any] = []
    summary = run(got.extend)
    assert (len(got), summary["failed"], [e["position"] for e in summary["errors"]]) == (6, 2, [3, 4])


def test_terminal_shows_a_progress_bar_and_a_pipe_does_not(tmp_path: Path) -> None:
    """On a terminal standard error shows how far it is; the summary on standard output stays alone."""
    (tmp_path / "machine.json").write_text(json.dumps(ROUTER))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in RECORDS * 1000))
    command = [sys.executable, "-m", "worker", "stream", str(tmp_path / "machine.json"), str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), "--json"]
    ours, theirs = pty.openpty()
    shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True, env=os.environ | {"TERM": "xterm", "COLUMNS": "120"})
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "100%" in seen
    assert "7,000 records" in seen
    assert "1,000 failed" in seen or "2,000 failed" in seen
    assert json.loads(shown.stdout)["total_records"] == 7000
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
