"""Machines behind one another in one stream: every record of every stage accounted for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fsm_core import AsyncSimpleFSM, Chain, CoreStreamConfig
from fsm_core.streams import Progress


def machine(name: str, **parts: Any) -> AsyncSimpleFSM:
    """A machine that drops, rejects or halves by the fields that carry its name."""
    return AsyncSimpleFSM({
        "name": name,
        "states": [
            {"name": "in", "is_start": True},
            {"name": "work", "set": {f"by_{name}": f"=60 / data.{name}"}},
            {"name": "out", "is_end": True, **parts},
            {"name": "gone", "is_end": True, "outcome": "drop", "reason": "asked"},
            {"name": "error", "is_end": True},
        ],
        "arcs": [
            {"from": "in", "to": "gone", "condition": f"coalesce(data.drop) == '{name}'"},
            {"from": "in", "to": "error", "condition": f"coalesce(data.bad) == '{name}'"},
            {"from": "in", "to": "work", "else": True},
            {"from": "work", "to": "out"},
        ],
    })


RECORDS: list[Any] = [
    {"a": 1, "b": 2}, {"a": 0, "b": 1}, {"a": 1, "b": 0}, {"drop": "a"}, {"a": 1, "drop": "b"}, {"bad": "a"},
    {"a": 1, "bad": "b"}, "no object", {"a": 3, "b": 4},
]


def run(chain: Chain, source: Any, sink: Any = None, **options: Any) -> dict[str, Any]:
    """One stream; checks the sums that must always hold, of the whole and from stage to stage."""
    summary = asyncio.run(chain.process_stream(source, sink, **options))
    for one in (summary, *summary["stages"]):
        assert one["successful"] + one["failed"] + one["dropped"] == one["total_records"]
    for before, after in zip(summary["stages"], summary["stages"][1:], strict=False):
        assert before["successful"] == after["total_records"]
    assert summary["stages"][0]["total_records"] == summary["total_records"]
    for count in ("failed", "rejected", "malformed", "dropped"):
        assert sum(stage[count] for stage in summary["stages"]) == summary[count]
    return summary


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("config", [CoreStreamConfig(chunk_size=2), CoreStreamConfig(), CoreStreamConfig(2, parallelism=2)],
                         ids=["small chunks", "one chunk", "processes"])
def test_each_record_leaves_where_it_belongs(tmp_path: Path, config: CoreStreamConfig) -> None:
    """Outputs in order; failures of both stages with the source's position and record."""
    sink, errors = tmp_path / "out.jsonl", tmp_path / "errors.jsonl"
    summary = run(machine("a") | machine("b"), RECORDS, sink, error_sink=errors, config=config)
    assert [(r["by_a"], r["by_b"]) for r in lines(sink)] == [(60, 30), (20, 15)]
    assert sorted(r["bad"] for r in lines(errors)) == ["a", "b"]
    assert [(d["position"], d["state"], d.get("record")) for d in lines(tmp_path / "out.jsonl.dead.jsonl")] == [
        (1, "a/work", RECORDS[1]), (2, "b/work", RECORDS[2]), (7, "a", None)]
    assert {k: summary[k] for k in ("total_records", "successful", "failed", "rejected", "malformed", "dropped")} == {
        "total_records": 9, "successful": 2, "failed": 5, "rejected": 2, "malformed": 1, "dropped": 2}
    assert [e["position"] for e in summary["errors"]] == [1, 2, 5, 6, 7]
    assert summary["by_state"] == {"a/gone": 1, "a/error": 1, "b/out": 2, "b/gone": 1, "b/error": 1}
    assert [(s["name"], s["total_records"], s["failed"], s["dropped"]) for s in summary["stages"]] == [("a", 9, 3, 1), ("b", 5, 2, 1)]


def test_error_ends_of_every_stage_go_to_the_sink_in_order() -> None:
    """Without a sink of their own they stand where the record stood."""
    got: list[Any] = []
    run(machine("a") | machine("b"), RECORDS, got.extend)
    assert [r.get("bad") for r in got] == [None, "a", "b", None]


def test_what_the_sink_refuses_is_the_last_stages_failure(tmp_path: Path) -> None:
    """A table without the column: counted once, as the last stage's."""
    summary = asyncio.run((machine("a") | machine("b")).process_stream([{"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}], tmp_path / "out.csv"))
    assert [s["failed"] for s in summary["stages"]] == [0, 1]
    assert (summary["successful"], summary["errors"][0]["reason"]) == (1, "unencodable")


def test_three_stages_the_same_machine_twice() -> None:
    """A chain of a chain; two of one name are told apart."""
    summary = run(machine("a") | machine("a") | machine("b"), [{"a": 1, "b": 1}])
    assert [s["name"] for s in summary["stages"]] == ["a", "a-2", "b"]


def test_routes_are_the_last_stages(tmp_path: Path) -> None:
    """A mapping of routes to sinks belongs to the last stage; an earlier stage's route only leads on."""
    got: list[Any] = []
    run(machine("a", route="x") | machine("b", route="y"), [{"a": 1, "b": 1}], {"y": got.extend})
    assert len(got) == 1


def test_text_is_the_first_stages(tmp_path: Path) -> None:
    """Lines of text become records for the first stage only."""
    (tmp_path / "in.log").write_text("one\ntwo\n")
    first = AsyncSimpleFSM({"name": "f", "states": [{"name": "s", "is_start": True}, {"name": "e", "is_end": True, "set": {"n": "=len(data.line)"}}],
                            "arcs": [{"from": "s", "to": "e"}]})
    got: list[Any] = []
    run(first | first, tmp_path / "in.log", got.extend)
    assert got == [{"line": "one", "n": 3}, {"line": "two", "n": 3}]


async def test_backpressure_bounds_what_is_read_ahead() -> None:
    """However many stages: no more records are read and unwritten than the threshold says."""
    read = written = most = 0

    async def source() -> AsyncIterator[dict[str, int]]:
        nonlocal read, most
        for _ in range(200):
            read += 1
            most = max(most, read - written)
            yield {"a": 1, "b": 1}

    async def sink(records: list[Any]) -> None:
        nonlocal written
        await asyncio.sleep(0.001)
        written += len(records)

    config = CoreStreamConfig(chunk_size=5, backpressure_threshold=20)
    summary = await (machine("a") | machine("b")).process_stream(source(), sink, config=config)
    assert (summary["successful"], written) == (200, 200)
    assert most <= 21


async def test_cancelled_chain_accounts_for_what_it_read() -> None:
    """A cancellation finishes the chunk in hand; the summary stays."""
    got: list[Any] = []

    async def endless() -> AsyncIterator[dict[str, int]]:
        while True:
            yield {"a": 1, "b": 1}
            await asyncio.sleep(0)

    chain = machine("a") | machine("b")
    task = asyncio.create_task(chain.process_stream(endless(), got.extend, chunk_size=5))
    while not got:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert chain.last_summary is not None
    assert chain.last_summary["successful"] == len(got)


def test_progress_counts_the_whole_chain() -> None:
    """Once a chunk, of records that left the chain."""
    seen: list[tuple[int, int]] = []

    def progress(p: Progress) -> None:
        seen.append((p.records_processed, p.error_count))

    run(machine("a") | machine("b"), RECORDS, chunk_size=5, on_progress=progress)
    assert seen == [(5, 2), (9, 5)]


def test_chain_gives_what_files_between_the_stages_give(tmp_path: Path) -> None:
    """The same bytes as stage by stage, the largest whole numbers and all."""
    records = [{"a": n % 7 + 1, "b": n % 5 + 1, "big": 2**63 + n} for n in range(250)]
    run(machine("a") | machine("b"), records, tmp_path / "chain.jsonl")
    asyncio.run(machine("a").process_stream(records, tmp_path / "between.jsonl"))
    asyncio.run(machine("b").process_stream(tmp_path / "between.jsonl", tmp_path / "files.jsonl"))
    assert (tmp_path / "chain.jsonl").read_bytes() == (tmp_path / "files.jsonl").read_bytes()
    assert lines(tmp_path / "chain.jsonl")[-1]["big"] == 2**63 + 249


def test_functions_that_wait_may_stand_in_any_stage() -> None:
    """A stage with an async function between two without."""
    async def ask(state: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {**state.data, "asked": True}

    asking = AsyncSimpleFSM({"name": "ask", "arcs": [{"from": "in", "to": "out"}], "states": [
        {"name": "in", "is_start": True, "functions": {"transform": ask}}, {"name": "out", "is_end": True}]})
    got: list[Any] = []
    run(machine("a") | asking | machine("b"), RECORDS, got.extend, error_sink=lambda rejected: None)
    assert [r["asked"] for r in got] == [True, True]


def test_chain_of_nothing_is_refused() -> None:
    """There is nothing it could do."""
    with pytest.raises(ValueError, match="needs a stage"):
        Chain([])
