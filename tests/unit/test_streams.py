"""Streams from end to end: every record accounted for, every limit enforced."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fsm_core.errors import FsmError, SinkError, SourceError
from fsm_core.simple import AsyncSimpleFSM
from fsm_core.streams import CoreStreamConfig, Progress

MACHINE: dict[str, Any] = json.loads((Path(__file__).parent / "seed" / "sorter.json").read_text())


def run(source: Any, sink: Any = None, **options: Any) -> dict[str, Any]:
    """One stream through the machine; checks the sum that must always hold."""
    summary = asyncio.run(AsyncSimpleFSM(MACHINE).process_stream(source, sink, **options))
    assert summary["successful"] + summary["failed"] + summary["dropped"] == summary["total_records"]
    return summary


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def records(count: int) -> list[dict[str, Any]]:
    """Good records, numbered from 1."""
    return [{"n": n} for n in range(1, count + 1)]


def jsonl(count: int) -> bytes:
    """The same, as a file."""
    return b"".join(b'{"n": %d}\n' % n for n in range(1, count + 1))


def test_each_record_goes_where_it_belongs(tmp_path: Path) -> None:
    """Outputs and error ends go to the sink in input order; a failed record to the dead-letter file beside it."""
    source, sink = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"n":1}\n{"n":2,"bad":true}\n{"n":0}\nnonsense\n{"n":3}\n')
    summary = run(source, sink)
    assert [r["n"] for r in lines(sink)] == [1, 2, 3]
    assert {k: summary[k] for k in ("total_records", "successful", "failed", "rejected", "malformed", "dropped")} == {
        "total_records": 5, "successful": 2, "failed": 3, "rejected": 1, "malformed": 1, "dropped": 0}
    assert summary["by_state"] == {"out": 2, "error": 1}
    assert [e["position"] for e in summary["errors"]] == [1, 2, 3]
    dead = lines(tmp_path / "out.jsonl.dead.jsonl")
    assert [(d["position"], d["reason"]) for d in dead] == [(2, "transform"), (3, "malformed")]
    assert dead[0]["record"] == {"n": 0}
    assert base64.b64decode(dead[1]["raw_base64"]) == b"nonsense"


def test_error_sink_takes_the_error_ends(tmp_path: Path) -> None:
    """With an error sink the sink holds outputs only."""
    good: list[Any] = []
    bad: list[Any] = []
    run([{"n": 1}, {"n": 2, "bad": True}], good.extend, error_sink=bad.extend)
    assert ([r["n"] for r in good], [r["n"] for r in bad]) == ([1], [2])


HOSTILE = [
    b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"5", b"null", b'"x"', b"[]", b"NaN", b'{"n": NaN}', b'{"n": Infinity}', b'{"n": 1e400}',
    b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"1" * 5000, b'{"n"', b'{"n": 0}', b"\xf0\x9f\x92",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda v: repr(v[:12]))
def test_hostile_line_costs_only_itself(tmp_path: Path, hostile: bytes) -> None:
    """One bad line is one failure with its bytes kept; its neighbours come out."""
    source, sink = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"n":1}\n' + hostile + b'\n{"n":2}\n')
    summary = run(source, sink)
    assert (summary["total_records"], summary["failed"], [r["n"] for r in lines(sink)]) == (3, 1, [1, 2])
    dead = lines(tmp_path / "out.jsonl.dead.jsonl")[0]
    assert dead["position"] == 1
    assert ("record" in dead) or base64.b64decode(dead["raw_base64"]) == hostile


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("parallelism", [1, 2])
def test_compressed_both_ways(tmp_path: Path, suffix: str, parallelism: int) -> None:
    """A compressed file is read and written like a plain one, in one process or several, order kept."""
    pack = gzip.compress if suffix == "gz" else zstandard.compress
    (tmp_path / f"in.jsonl.{suffix}").write_bytes(pack(jsonl(5000)) + pack(b'{"n": 5001}\n'))
    run(tmp_path / f"in.jsonl.{suffix}", tmp_path / f"out.jsonl.{suffix}", config=CoreStreamConfig(parallelism=parallelism))
    run(tmp_path / f"out.jsonl.{suffix}", tmp_path / "out.jsonl")
    assert [r["n"] for r in lines(tmp_path / "out.jsonl")] == list(range(1, 5002))


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_truncated_file_gives_its_records_and_one_malformed(tmp_path: Path, suffix: str) -> None:
    """What could be read is processed; the break is one failure, and nothing is raised."""
    whole = os.urandom(400_000).hex()
    raw = b"".join(b'{"n": 1, "x": "%s"}\n' % whole[at:at + 20].encode() for at in range(0, 800_000, 20))
    pack = gzip.compress if suffix == "gz" else zstandard.compress
    source = tmp_path / f"in.jsonl.{suffix}"
    source.write_bytes(pack(raw)[:-20_000])
    summary = run(source, tmp_path / "out.jsonl")
    assert summary["malformed"] == 1
    assert summary["successful"] == len(lines(tmp_path / "out.jsonl")) > 0


def test_file_that_is_no_gzip_is_a_source_error(tmp_path: Path) -> None:
    """A file that is not at all what it says is refused."""
    (tmp_path / "in.jsonl.gz").write_bytes(jsonl(3))
    with pytest.raises(SourceError):
        run(tmp_path / "in.jsonl.gz")


def test_tables_both_ways(tmp_path: Path) -> None:
    """CSV values are strings, columns come from the first record, a record with another key is unencodable."""
    (tmp_path / "in.csv").write_text("a,bad\n1,\nragged\n2,yes\n")
    summary = run(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (summary["malformed"], summary["rejected"]) == (1, 1)
    assert (tmp_path / "out.csv").read_text() == "a,bad,half\n1,,0\n2,yes,0\n"
    summary = run([{"n": 1}, {"n": 1, "extra": 2}], tmp_path / "out.csv")
    assert [e["reason"] for e in summary["errors"]] == ["unencodable"]


def test_arrays_and_text(tmp_path: Path) -> None:
    """A JSON array out is a JSON array in; lines of text are records with `line`."""
    run(records(5), tmp_path / "out.json", chunk_size=2)
    assert [r["n"] for r in json.loads((tmp_path / "out.json").read_text())] == [1, 2, 3, 4, 5]
    assert run(tmp_path / "out.json")["successful"] == 5
    (tmp_path / "in.log").write_text("one\n\ntwo\n")
    got: list[Any] = []
    run(tmp_path / "in.log", got.extend)
    assert [r["line"] for r in got] == ["one", "", "two"]


def test_sinks_are_refused_before_anything_is_truncated(tmp_path: Path) -> None:
    """A stream onto its own source, an unknown suffix, a thing that is no sink: documented errors, source intact."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(3))
    for sink in (source, tmp_path / "x.parquet", 5, {"other": []}):
        with pytest.raises(SinkError):
            run(source, sink)
    with pytest.raises(SourceError):
        run(tmp_path / "missing.jsonl")
    assert source.read_bytes() == jsonl(3)


def test_truncated_unless_appended(tmp_path: Path) -> None:
    """A sink is begun anew; `append` keeps what is there. A stale dead-letter file goes."""
    sink, dead = tmp_path / "out.jsonl", tmp_path / "out.jsonl.dead.jsonl"
    dead.write_text("stale\n")
    run(records(2), sink)
    assert not dead.exists()
    run(records(1), sink)
    run(records(1), sink, append=True)
    assert len(lines(sink)) == 2


def test_chunk_sizes_and_progress() -> None:
    """Progress comes once per chunk, after it is written; buffer_size bounds what a sink is given at once."""
    seen: list[tuple[int, int]] = []
    got: list[Any] = []

    def progress(p: Progress) -> None:
        seen.append((p.records_processed, len(got)))

    summary = run(records(10), got.extend, chunk_size=4, on_progress=progress)
    assert seen == [(4, 4), (8, 8), (10, 10)]
    assert summary["chunks"] == 3
    sizes: list[int] = []
    run(records(10), lambda part: sizes.append(len(part)), config=CoreStreamConfig(chunk_size=10, buffer_size=3))
    assert sizes == [3, 3, 3, 1]


def test_progress_that_raises_stops_after_its_chunk(tmp_path: Path) -> None:
    """The chunk it was told of is written; the exception propagates."""
    def progress(p: Progress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run(records(10), tmp_path / "out.jsonl", chunk_size=4, on_progress=progress)
    assert len(lines(tmp_path / "out.jsonl")) == 4


@pytest.mark.parametrize("parallelism", [1, 2])
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_backpressure_bounds_what_is_read_and_not_written(kind: str, parallelism: int) -> None:
    """However slow the sink, no more than the threshold is out of the source."""
    read = written = most = 0

    def sync_source() -> Iterator[dict[str, Any]]:
        nonlocal read, most
        for record in records(300):
            read += 1
            most = max(most, read - written)
            yield record

    async def async_source() -> AsyncIterator[dict[str, Any]]:
        for record in sync_source():
            yield record

    async def sink(part: list[Any]) -> None:
        nonlocal written
        await asyncio.sleep(0.001)
        written += len(part)

    run(async_source() if kind == "async" else sync_source(), sink,
        config=CoreStreamConfig(chunk_size=10, backpressure_threshold=40, parallelism=parallelism))
    assert written == 300
    assert most <= 41  # the source counts a record when it offers it, the feed when it takes it


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_max_wait_flushes_an_unfilled_chunk(kind: str) -> None:
    """Records of a slow source are written though the chunk is not full; the source's own wait is not cancelled."""
    go = threading.Event()
    got: list[Any] = []

    async def async_source() -> AsyncIterator[dict[str, Any]]:
        yield {"n": 1}
        await asyncio.sleep(0.4)
        yield {"n": len(got)}

    def sync_source() -> Iterator[dict[str, Any]]:
        yield {"n": 1}
        go.wait(0.4)
        yield {"n": len(got)}

    run(async_source() if kind == "async" else sync_source(), got.extend, config=CoreStreamConfig(max_wait=0.05))
    assert [r["n"] for r in got] == [1, 1]


@pytest.mark.parametrize("parallelism", [1, 2])
def test_cancellation_loses_nothing(tmp_path: Path, parallelism: int) -> None:
    """What the source gave is written and counted when a cancelled stream raises."""
    read = 0

    async def source() -> AsyncIterator[dict[str, Any]]:
        nonlocal read
        while True:
            await asyncio.sleep(0)
            read += 1
            yield {"n": read}

    async def main() -> dict[str, Any]:
        fsm = AsyncSimpleFSM(MACHINE)
        task = asyncio.create_task(fsm.process_stream(
            source(), tmp_path / "out.jsonl", config=CoreStreamConfig(chunk_size=7, parallelism=parallelism)))
        await asyncio.sleep(0.7)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert fsm.last_summary is not None
        return fsm.last_summary

    summary = asyncio.run(main())
    written = [r["n"] for r in lines(tmp_path / "out.jsonl")]
    assert written == list(range(1, read + 1))
    assert summary["total_records"] == read > 0


def test_source_that_raises_has_its_records_written(tmp_path: Path) -> None:
    """What it gave before is written; its exception propagates."""
    def source() -> Iterator[dict[str, Any]]:
        yield {"n": 1}
        raise KeyError("gone")

    with pytest.raises(KeyError):
        run(source(), tmp_path / "out.jsonl")
    assert len(lines(tmp_path / "out.jsonl")) == 1


def test_memory_limit_below_the_baseline_is_refused() -> None:
    """A limit that cannot hold is a ValueError before anything is read."""
    with pytest.raises(ValueError, match="memory_limit_mb"):
        run(records(1), config=CoreStreamConfig(memory_limit_mb=8))


def test_parallel_failures_keep_their_positions(tmp_path: Path) -> None:
    """Positions, order and counts are those of one process."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(995) + b'{"n": 0}\nbroken\n' + jsonl(1000))
    one = run(source, tmp_path / "one.jsonl")
    two = run(source, tmp_path / "two.jsonl", config=CoreStreamConfig(chunk_size=90, parallelism=2))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (tmp_path / "one.jsonl.dead.jsonl").read_bytes() == (tmp_path / "two.jsonl.dead.jsonl").read_bytes()
    assert one["errors"] == two["errors"]
    assert [e["position"] for e in one["errors"]] == [995, 996]


@pytest.mark.parametrize("field", ["chunk_size", "parallelism", "memory_limit_mb", "backpressure_threshold", "buffer_size", "max_wait"])
def test_limits_are_positive(field: str) -> None:
    """A limit of nothing is a ValueError."""
    with pytest.raises(ValueError, match=field):
        CoreStreamConfig(**{field: 0})  # type: ignore[arg-type]


def test_long_lines_do_not_add_up(tmp_path: Path) -> None:
    """A chunk is bounded in bytes too: long lines come in chunks of few."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(b'{"n": 1, "x": "%s"}\n' % (b"y" * 3_000_000) for _ in range(6)))
    assert run(source, chunk_size=1000)["chunks"] >= 3


def test_documented_errors_have_one_root() -> None:
    """A caller may catch FsmError."""
    assert issubclass(SinkError, FsmError)
    assert issubclass(SourceError, FsmError)
