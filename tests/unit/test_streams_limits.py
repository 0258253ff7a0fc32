"""The limits of a stream while it runs: memory, and the bytes of a chunk whatever the source is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fsm_core import AsyncSimpleFSM, CoreStreamConfig
from fsm_core.streams import Progress
from fsm_core.streams import memory as memory_module
from fsm_core.streams.blocks import Blocks
from fsm_core.streams.lines import Cutter, Lines

AS_IS: dict[str, Any] = {"name": "as it is", "states": [{"name": "in", "is_start": True}, {"name": "out", "is_end": True}],
                         "arcs": [{"from": "in", "to": "out"}]}
MIB = 1 << 20


def chunks_of(source: Any, config: CoreStreamConfig) -> list[int]:
    """How many records each chunk had."""
    seen = [0]

    def progress(p: Progress) -> None:
        seen.append(p.records_processed)

    asyncio.run(AsyncSimpleFSM(AS_IS).process_stream(source, config=config, on_progress=progress))
    return [after - before for before, after in pairwise(seen)]


def large() -> Iterator[dict[str, Any]]:
    """Records of three MiB."""
    for n in range(8):
        yield {"n": n, "x": "y" * 3 * MIB}


@pytest.mark.parametrize("kind", ["list", "sync", "async", "fifo"])
def test_large_records_come_in_chunks_of_few(tmp_path: Path, kind: str) -> None:
    """Not only from a file: a chunk is full at some MiB, whatever it is read from."""
    async def waiting() -> AsyncIterator[dict[str, Any]]:
        for record in large():
            yield record

    source: Any = {"list": list(large()), "sync": large(), "async": waiting(), "fifo": str(tmp_path / "fifo.jsonl")}[kind]
    if kind == "fifo":
        os.mkfifo(source)
        code = f"import json\nwith open({source!r}, 'w') as f:\n    for n in range(8): f.write(json.dumps({{'n': n, 'x': 'y' * {3 * MIB}}}) + chr(10))"
        with subprocess.Popen([sys.executable, "-c", code]):
            chunks = chunks_of(source, CoreStreamConfig())
    else:
        chunks = chunks_of(source, CoreStreamConfig())
    assert sum(chunks) == 8
    assert max(chunks) <= 2


def test_source_may_use_the_same_record_again() -> None:
    """A record is what it was when the source gave it."""
    def source() -> Iterator[dict[str, int]]:
        record = {"n": 0}
        for n in range(100):
            record["n"] = n
            yield record

    got: list[Any] = []
    asyncio.run(AsyncSimpleFSM(AS_IS).process_stream(source(), got.extend))
    assert [r["n"] for r in got] == list(range(100))


def test_reader_waits_while_the_memory_limit_is_exceeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way is written first, chunks shrink to single records, then a warning; all records come through, and chunks grow again."""
    used = iter([50.0] * 2 + [500.0] * 40)
    monkeypatch.setattr(memory_module, "resident", lambda: next(used, 50.0))
    config = CoreStreamConfig(chunk_size=64, memory_limit_mb=100)
    with pytest.warns(ResourceWarning, match="exceeded by single records"):
        chunks = chunks_of([{"n": n} for n in range(1000)], config)
    assert sum(chunks) == 1000
    assert chunks[:7] == [64, 64, 32, 16, 8, 4, 2]
    assert 1 in chunks
    assert 64 in chunks[7:]


def test_memory_limit_counts_the_other_processes_and_drains_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With several processes nothing is on its way when chunks shrink."""
    used = iter([50.0] * 3 + [500.0] * 4)
    monkeypatch.setattr(memory_module, "resident", lambda: next(used, 50.0))
    chunks = chunks_of([{"n": n} for n in range(500)], CoreStreamConfig(chunk_size=10, parallelism=2, memory_limit_mb=100))
    assert sum(chunks) == 500
    assert min(chunks) < 10


def test_memory_stays_under_the_limit_for_real(tmp_path: Path) -> None:
    """A limit of little more than the process needs: a file many times as large goes through, and the high-water mark stays near it."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"x": "%s"}\n' % (b"y" * 100_000) * 600)
    (tmp_path / "machine.json").write_text(json.dumps(AS_IS))
    code = ("import asyncio, sys; from fsm_core import AsyncSimpleFSM, CoreStreamConfig; from fsm_core.streams.memory import resident\n"
            "fsm = AsyncSimpleFSM(sys.argv[1]); limit = int(resident()) + 20\n"
            "s = asyncio.run(fsm.process_stream(sys.argv[2], sys.argv[3], config=CoreStreamConfig(memory_limit_mb=limit)))\n"
            "peak = int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1]) // 1024\n"
            "print(s['successful'], peak - limit)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "machine.json"), str(source), str(tmp_path / "out.jsonl")],
                          capture_output=True, text=True, check=True)
    successful, over = map(int, done.stdout.split())
    assert successful == 600
    assert over <= 8


@pytest.mark.parametrize("block", [1, 5, 64, 1 << 18])
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_pieces_of_lines_are_whole_and_bounded(block: int, most: int) -> None:
    """However the file is read: no piece has more lines or begins inside one, and together they are the file."""
    raw = b"".join(b"x" * (n * n % 97) + b"\n" for n in range(300)) + b"end"
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += min(size, block)
        return raw[at - min(size, block):at]

    cutter = Cutter(Blocks(read), most_bytes=200)
    pieces = list(iter(lambda: cutter.take(most), b""))
    assert b"".join(pieces) == raw
    assert all(len(Lines(piece, text=True).records()) <= most for piece in pieces)
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    assert max(map(len, pieces)) < 200 + 97 + max(block, 97)
