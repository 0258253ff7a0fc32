"""The examples of the seed's streaming page, as they stand there; only the import is ours."""

from __future__ import annotations

import asyncio
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import fsm_core.simple
import fsm_core.streams

PAGE = Path(__file__).parent / "seed" / "end-to-end-streaming.md"
FUNCTION = re.compile(r"^(?:async )?def \w+\(.*?(?=^\S)", re.MULTILINE | re.DOTALL)


def page() -> dict[str, Any]:
    """The functions of the page, run from its text."""
    names: dict[str, Any] = {"asyncio": asyncio, "json": json, "AsyncSimpleFSM": fsm_core.simple.AsyncSimpleFSM,
                             "CoreStreamConfig": fsm_core.streams.CoreStreamConfig}
    for source in FUNCTION.findall(PAGE.read_text()):
        exec(textwrap.dedent(source), names)
    return names


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page writes into the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_file_to_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page's file-to-file example transforms each record and routes the invalid ones to the error state."""
    records = [{"id": i, "value": i * 100 - 100, "category": f"cat_{i % 3}"} for i in range(25)]
    (here / "input.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    asyncio.run(page()["example_file_to_file_streaming"]())
    assert "Total records: 25\nSuccessful: 24\nFailed: 1\n" in capsys.readouterr().out
    out = lines(here / "output.jsonl")
    assert len(out) == 25
    assert out[0] == {"id": 0, "value": -100, "category": "cat_0", "valid": False}
    assert out[1]["value_tier"] == "low"
    assert all(r["status"] == "processed" and "doubled_value" in r for r in out[1:])


def test_generator_to_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page's generator example says its progress after each chunk of five."""
    asyncio.run(page()["example_generator_to_file_streaming"]())
    said = capsys.readouterr().out
    assert [f"Streamed {n} records..." in said for n in range(5, 51, 5)] == [True] * 10
    assert len(lines(here / "realtime_output.jsonl")) == 50


def test_pipeline(here: Path) -> None:
    """The page's two-stage example reads in its second stage what the first one wrote."""
    asyncio.run(page()["example_pipeline_streaming"]())
    final = lines(here / "final_output.jsonl")
    assert [r["id"] for r in final] == list(range(30))
    assert final[3]["category"] == "CAT_3"


def test_own_test(here: Path) -> None:
    """The page's own test passes with the two files it takes from its surroundings."""
    names = page()
    names["input_file"], names["output_file"] = str(here / "in.jsonl"), str(here / "out.jsonl")
    (here / "in.jsonl").write_text("".join(json.dumps({"id": i, "value": i, "category": "c"}) + "\n" for i in range(10)))
    asyncio.run(names["test_file_to_file_streaming_basic"]())
    assert len(lines(here / "out.jsonl")) == 10


def test_fragments(here: Path) -> None:
    """The page's configuration and progress fragments run, every name in them is there."""
    names = page()
    config = names["CoreStreamConfig"](chunk_size=100, parallelism=4, memory_limit_mb=1024, backpressure_threshold=5000)
    assert (config.parallelism, names["CoreStreamConfig"](buffer_size=10000).buffer_size) == (4, 10000)
    fsm = names["AsyncSimpleFSM"](names["create_streaming_fsm_config"]())
    got: list[Any] = []
    results = asyncio.run(fsm.process_stream(source=[{"id": 1, "value": 2, "category": "c"}], sink=got.extend,
                                             on_progress=names["track_progress"]))
    assert (results["successful"], got[0]["value_tier"]) == (1, "low")
