"""Hostile files: each record accounted for, its bytes kept, nothing raised; in one process and in two."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fsm_core import AsyncSimpleFSM, CoreStreamConfig

SORTER: dict[str, Any] = json.loads((Path(__file__).parent / "seed" / "sorter.json").read_text())
AS_IS: dict[str, Any] = {"name": "as it is", "states": [{"name": "in", "is_start": True}, {"name": "out", "is_end": True}],
                         "arcs": [{"from": "in", "to": "out"}]}
MIB = 1 << 20
LIMITS = [CoreStreamConfig(), CoreStreamConfig(chunk_size=7, parallelism=2)]
ALL = pytest.mark.parametrize("limits", LIMITS, ids=["one process", "two"])


def run(source: Path, limits: CoreStreamConfig, machine: dict[str, Any] = SORTER) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Summary, outputs, dead letters; the sum holds, and each failed record is a dead letter or a rejected output."""
    sink = source.with_name("out.jsonl")
    summary = asyncio.run(AsyncSimpleFSM(machine).process_stream(source, sink, config=limits))
    outputs = [json.loads(line) for line in sink.read_bytes().splitlines()]
    dead = sink.with_name("out.jsonl.dead.jsonl")
    letters = [json.loads(line) for line in dead.read_bytes().splitlines()] if dead.exists() else []
    assert summary["successful"] + summary["failed"] + summary["dropped"] == summary["total_records"]
    assert len(outputs) == summary["successful"] + summary["rejected"]
    assert len(letters) == summary["failed"] - summary["rejected"]
    return summary, outputs, letters


def raw_of(letter: dict[str, Any]) -> bytes:
    """What the record was."""
    return base64.b64decode(letter["raw_base64"])


NO_RECORDS = [
    b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"n": "\xc3"}', b'{"n": "\xed\xa0\x80"}', b"0", b"-", b"true", b"null", b'"text"', b"[{}]",
    b'{"n": 1}{"n": 2}', b'{"n": 1,}', b"{'n': 1}", b'{"n": 01}', b'{"n": .5}', b'{"n": NaN}', b'{"n": -Infinity}', b'{"n": 1e999}', b'{"n": "\\ud83d"}',
    b'{"n": "\t"}', b'{"n": "\x00"}', b"\x00", b"\x1a", b"\x85", b"\xc2\xa0", b"{", b"}", b'{"n"', b'{"n": 1', b"// {}", b'{"n": ' + b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000, b'{"n": ' + b'{"n": ' * 100_000, b"9" * 100_000, b'{"n": 1, "x": %s}' % (b"9" * 400), b'"' + b"x" * MIB,
]


@ALL
def test_lines_that_are_no_records(tmp_path: Path, limits: CoreStreamConfig) -> None:
    """One malformed each, with its position and bytes; the good ones between them come out in order."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(b'{"n": %d}\n' % n + line + b"\n" for n, line in enumerate(NO_RECORDS, 1)))
    summary, outputs, letters = run(source, limits)
    assert summary["malformed"] == summary["failed"] == len(NO_RECORDS)
    assert [o["n"] for o in outputs] == list(range(1, len(NO_RECORDS) + 1))
    assert [(letter["position"], raw_of(letter)) for letter in letters] == [(2 * n + 1, line) for n, line in enumerate(NO_RECORDS)]


@ALL
def test_records_that_are_only_strange(tmp_path: Path, limits: CoreStreamConfig) -> None:
    """A huge whole number, a long line, deep nesting that can be written, a doubled key: they are records."""
    whole = b"%d" % 2**63
    lines = [b'{"n": 1, "x": %s}' % whole, b'{"n": 1, "x": "%s"}' % (b"y" * 6 * MIB), b'{"n": 1, "x": ' + b"[" * 200 + b"]" * 200 + b"}",
             b'{"n": 9, "n": 1}', b' {"n": 1} \r', b'{"n": 1, "x": "\\u0000"}', '{"n": 1, "x": "\U0001f4a9"}'.encode()]
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    _, outputs, letters = run(source, limits)
    assert letters == []
    assert [o["n"] for o in outputs] == [1] * len(lines)
    assert outputs[0]["x"] == int(whole)
    assert len(outputs[1]["x"]) == 6 * MIB


@ALL
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_accounted_for(tmp_path: Path, limits: CoreStreamConfig, seed: int) -> None:
    """Random bytes: as many records as lines that are not blank, and no byte of a failed one is lost."""
    noise = random.Random(seed).randbytes(200_000)
    source = tmp_path / "in.jsonl"
    source.write_bytes(noise)
    expected = [line for line in noise.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line and not line.isspace()]
    summary, _, letters = run(source, limits)
    assert summary["total_records"] == summary["malformed"] == len(expected)
    assert [raw_of(letter) for letter in letters] == expected


@ALL
@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("kept", [0, 2, 3, 10, 1000, 40_000])
def test_cut_files_wherever_they_are_cut(tmp_path: Path, limits: CoreStreamConfig, suffix: str, kept: int) -> None:
    """The whole lines before the cut are records, the rest is one malformed; an empty file is empty."""
    lines = b"".join(b'{"n": %d, "x": "%d"}\n' % (n, hash((n, 1))) for n in range(1, 5001))
    packed = gzip.compress(lines) if suffix == "gz" else zstandard.compress(lines)
    source = tmp_path / f"in.jsonl.{suffix}"
    source.write_bytes(packed[:kept])
    summary, outputs, letters = run(source, limits)
    assert summary["malformed"] == (kept > 0)
    assert [o["n"] for o in outputs] == list(range(1, len(outputs) + 1))
    for letter in letters:
        assert letter["position"] == len(outputs)
        assert lines.startswith(b"".join(b'{"n": %d, "x": "%d"}\n' % (n, hash((n, 1))) for n in range(1, len(outputs) + 1)) + raw_of(letter))


@ALL
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_damage_inside_a_compressed_file(tmp_path: Path, limits: CoreStreamConfig, suffix: str) -> None:
    """What comes before the damage is read; then one malformed, and the end."""
    lines = b"".join(b'{"n": %d, "x": "%d"}\n' % (n, hash((n, 1))) for n in range(1, 20_001))
    packed = bytearray(gzip.compress(lines) if suffix == "gz" else zstandard.compress(lines))
    packed[len(packed) // 2:len(packed) // 2 + 50] = bytes(50)
    (tmp_path / f"in.jsonl.{suffix}").write_bytes(packed)
    summary, _, letters = run(tmp_path / f"in.jsonl.{suffix}", limits)
    assert summary["malformed"] >= 1  # damaged bytes may read as broken lines first
    assert letters[-1]["position"] == summary["total_records"] - 1


@ALL
def test_ragged_table(tmp_path: Path, limits: CoreStreamConfig) -> None:
    """Rows of another width, quotes that never end, fields beyond csv's limit, bytes that are no UTF-8, NUL: one malformed each."""
    bad = [b"1\n", b"1,2,3\n", b"\xff,2\n", b"1," + b"x" * 200_000 + b"\n", b'"1"x,"2\n3",4\n']
    source = tmp_path / "in.csv"
    source.write_bytes(b"\xef\xbb\xbfn,bad\r\n" + b"".join(b"%d,\n" % n + row for n, row in enumerate(bad, 1)) + b'\n7,"a\nb"\n8,"never')
    summary, outputs, letters = run(source, limits, AS_IS)
    assert summary["malformed"] == len(bad)
    assert [raw_of(letter) for letter in letters] == bad
    assert [o["n"] for o in outputs] == [str(n) for n in range(1, len(bad) + 1)] + ["7", "8"]


@ALL
@pytest.mark.parametrize("raw", [b"", b"\n", b" \n\t\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n\n"])
def test_files_without_records(tmp_path: Path, limits: CoreStreamConfig, raw: bytes) -> None:
    """Nothing in, nothing out, and no chunk."""
    (tmp_path / "in.jsonl").write_bytes(raw)
    summary, _, _ = run(tmp_path / "in.jsonl", limits)
    assert (summary["total_records"], summary["chunks"]) == (0, 0)


@ALL
def test_many_blank_lines_shift_no_position(tmp_path: Path, limits: CoreStreamConfig) -> None:
    """Positions count records, wherever the chunks are cut."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\n \n".join([b'{"n": 1}'] * 30 + [b"broken"] + [b"\n" * 50] + [b"broken"]))
    assert [letter["position"] for letter in run(source, limits)[2]] == [30, 31]
