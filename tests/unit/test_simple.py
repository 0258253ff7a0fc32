"""The simple interface, one record and one list at a time, and the command that streams files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsm_core.simple import AsyncSimpleFSM, SimpleFSM
from fsm_core.streams import Progress

MACHINE: dict[str, Any] = json.loads((Path(__file__).parent / "seed" / "sorter.json").read_text())



def test_result_of_a_good_record() -> None:
    """A record that ends well says where, with what, and by which way."""
    result = SimpleFSM(MACHINE).process({"n": 2})
    assert result == {"final_state": "out", "data": {"n": 2, "half": 0.5}, "path": ["in", "out"], "success": True,
                      "error": None, "reason": None}


def test_result_of_an_error_end() -> None:
    """An error end has a final state, but no success."""
    result = SimpleFSM(MACHINE).process({"n": 2, "bad": True})
    assert (result["final_state"], result["success"], result["reason"]) == ("error", False, "rejected")


@pytest.mark.parametrize("record", [{"n": 0}, {"n": "x"}, 5, None, [], "text"], ids=repr)
def test_bad_record_never_raises(record: Any) -> None:
    """A record that fails has no final state, and a reason."""
    result = SimpleFSM(MACHINE).process(record)
    assert (result["final_state"], result["success"]) == (None, False)
    assert result["reason"]
    assert SimpleFSM(MACHINE).validate(record)["valid"] is False


def test_batch_keeps_order_and_tells_progress() -> None:
    """A result for each record in order; progress at each hundred and at the end."""
    seen: list[tuple[int, int]] = []

    def progress(p: Progress) -> None:
        seen.append((p.records_processed, p.error_count))

    results = SimpleFSM(MACHINE).process_batch([{"n": n} for n in range(150)], progress)
    assert [r["data"]["n"] for r in results] == list(range(150))
    assert seen == [(100, 1), (150, 1)]


def test_caller_keeps_its_record() -> None:
    """A record is not changed by being processed."""
    record = {"n": 2}
    SimpleFSM(MACHINE).process(record)
    assert record == {"n": 2}


def test_sync_face_works_inside_a_loop() -> None:
    """SimpleFSM may be called where a loop is running already."""
    async def main() -> dict[str, Any]:
        with SimpleFSM(MACHINE) as fsm:
            return fsm.process_stream([{"n": 1}], chunk_size=1)

    assert asyncio.run(main())["successful"] == 1


def test_async_context_and_states() -> None:
    """`async with` gives the object; states come in the document's order."""
    async def main() -> list[str]:
        async with AsyncSimpleFSM(MACHINE) as fsm:
            return fsm.get_states()

    assert asyncio.run(main()) == ["in", "out", "error"]


def test_async_functions_are_awaited() -> None:
    """A machine with an async function works record by record and as a stream."""
    async def double(data: Any, context: Any = None) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"n": (data.get("n") if isinstance(data, dict) else data.data["n"]) * 2}

    machine = json.loads(json.dumps(MACHINE))
    machine["networks"][0]["states"][0]["functions"]["transform"] = {"type": "registered", "name": "double"}

    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        fsm = AsyncSimpleFSM(machine, functions={"double": double})
        return await fsm.process({"n": 2}), await fsm.process_stream([{"n": 1}, {"n": "x"}])

    one, summary = asyncio.run(main())
    assert (one["final_state"], one["data"], one["path"], one["success"]) == ("out", {"n": 4}, ["in", "out"], True)
    assert summary["successful"] == 2


def _command(tmp_path: Path, source: str, *more: str) -> list[str]:
    machine = tmp_path / "machine.json"
    machine.write_text(json.dumps(MACHINE))
    code = ("import typer; from worker.cli.stream import stream; a = typer.Typer(); a.command()(stream); a()")
    return [sys.executable, "-c", code, str(machine), source, str(tmp_path / "out.jsonl"), "--trust", "--json", *more]


def test_command_prints_the_summary_and_exits_0_with_failed_records(tmp_path: Path) -> None:
    """Failed records are data, not a failure of the command."""
    (tmp_path / "in.jsonl").write_bytes(b'{"n": 1}\n' * 10 + b"nonsense\n")
    done = subprocess.run(_command(tmp_path, str(tmp_path / "in.jsonl")), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["failed"] == 1
    assert len(whole_lines(tmp_path / "out.jsonl")) == 10


@pytest.mark.parametrize("parallelism", ["1", "2"])
def test_sigint_flushes_and_exits_130(tmp_path: Path, parallelism: str) -> None:
    """What came in by standard input before the signal is written and counted, also from an unfilled chunk."""
    command = _command(tmp_path, "-", "--parallelism", parallelism)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write('{"n": 1}\n' * 2500)
        process.stdin.flush()
        sink = tmp_path / "out.jsonl"
        for _ in range(200):
            if sink.exists() and len(whole_lines(sink)) == 2500:
                break
            asyncio.run(asyncio.sleep(0.05))
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["total_records"] == len(whole_lines(sink)) == 2500


def whole_lines(path: Path) -> list[bytes]:
    """The whole lines of a file that is being written."""
    return path.read_bytes().split(b"\n")[:-1]
