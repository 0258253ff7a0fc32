"""Several processes: the same result as of one, whoever does the work, and an end that says what happened."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fsm_core import AsyncSimpleFSM, CoreStreamConfig
from fsm_core.errors import FsmError
from fsm_core.streams.children import may_fork
from fsm_core.streams.process import MachineJob, Plan
from tests.unit import stream_functions

pytestmark = pytest.mark.alone

SORTER: dict[str, Any] = json.loads((Path(__file__).parent / "seed" / "sorter.json").read_text())
TWO = CoreStreamConfig(chunk_size=20, parallelism=2)


def calling(function: Callable[[Any], Any]) -> dict[str, Any]:
    """A machine that calls a function of ours."""
    return {"name": "m", "arcs": [{"from": "in", "to": "out"}],
            "states": [{"name": "in", "is_start": True, "functions": {"transform": function}}, {"name": "out", "is_end": True}]}


def run(config: dict[str, Any], source: Any, sink: Any, limits: CoreStreamConfig = TWO) -> dict[str, Any]:
    """One stream."""
    return asyncio.run(AsyncSimpleFSM(config).process_stream(source, sink, config=limits))


@contextmanager
def another_thread() -> Iterator[None]:
    """A thread that might hold something: the process cannot be copied."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield
    done.set()
    thread.join()


def hostile() -> bytes:
    """Good records, rejected ones, failures, blank lines; no line break at the end."""
    kinds = [b'{"n": %d}', b'{"n": %d, "bad": true}', b"broken %d", b"  ", b"", b'{"n": 0, "at": %d}']
    lines = [kinds[0 if n % 7 else n % 6] for n in range(3000)]
    return b"\n".join(line % n if b"%" in line else line for n, line in enumerate(lines))


@pytest.mark.parametrize("name", ["in.jsonl", "in.log"])
@pytest.mark.parametrize("threaded", [False, True], ids=["copied", "new"])
def test_processes_give_what_one_gives(tmp_path: Path, name: str, threaded: bool) -> None:
    """Byte for byte and count for count, in a copy of this process as in a new one."""
    source = tmp_path / name
    source.write_bytes(hostile())
    one = run(SORTER, source, tmp_path / "one.jsonl", CoreStreamConfig(chunk_size=20))
    if threaded:
        with another_thread():
            two = run(SORTER, source, tmp_path / "two.jsonl")
    else:
        two = run(SORTER, source, tmp_path / "two.jsonl")
    written = {path.name: path.read_bytes() for path in tmp_path.glob("???.jsonl*")}
    assert len(written) == (4 if name == "in.jsonl" else 2)  # with dead letters, and without
    for file in {file.removeprefix("one.") for file in written if file.startswith("one")}:
        assert written[f"one.{file}"] == written[f"two.{file}"]
    for key in set(one) - {"duration", "throughput"}:
        assert one[key] == two[key]


def test_only_a_closed_job_of_a_single_thread_is_copied() -> None:
    """A thread may hold a lock, a host's function a connection: then the process starts from nothing."""
    plan = Plan(blob=True, rejects_apart=False)
    closed = MachineJob(AsyncSimpleFSM(SORTER).machine, plan)
    assert may_fork(closed)
    assert not may_fork(MachineJob(AsyncSimpleFSM(calling(stream_functions.named)).machine, plan))
    with another_thread():
        assert not may_fork(closed)


def test_functions_of_the_host_run_in_every_process() -> None:
    """The caller's process takes its share, the other one the rest."""
    got: list[Any] = []
    run(calling(stream_functions.named), [{"n": n} for n in range(1000)], got.extend)
    assert [r["n"] for r in got] == list(range(1000))
    assert os.getpid() in {r["pid"] for r in got}


def test_long_chunks_are_left_to_the_others() -> None:
    """Three chunks that keep the caller's loop are the last ones there: from then on it only reads and writes."""
    got: list[Any] = []
    run(calling(stream_functions.slow), [{"n": n} for n in range(120)], got.extend, CoreStreamConfig(chunk_size=4, parallelism=2))
    assert [r["n"] for r in got] == list(range(120))
    assert sum(r["pid"] == os.getpid() for r in got) == 12


def test_functions_that_wait_leave_the_caller_free() -> None:
    """They run in the other processes alone."""
    got: list[Any] = []
    run(calling(stream_functions.ask), [{"n": n} for n in range(100)], got.extend)
    assert [r["n"] for r in got] == list(range(100))
    assert os.getpid() not in {r["pid"] for r in got}


def test_process_that_dies_ends_the_stream(tmp_path: Path) -> None:
    """The error says so; what came before is written and counted, nothing after it is."""
    fsm = AsyncSimpleFSM(calling(stream_functions.die))
    records = [{"n": n} | ({"die": os.getpid()} if n >= 500 else {}) for n in range(1000)]
    with pytest.raises(FsmError, match="a process of the stream died"):
        asyncio.run(fsm.process_stream(records, tmp_path / "out.jsonl", config=TWO))
    written = [json.loads(line)["n"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert fsm.last_summary is not None
    assert written == list(range(fsm.last_summary["total_records"]))
    assert len(written) < 1000


def test_functions_that_cannot_be_imported_are_refused() -> None:
    """Before anything is read, and not only where a copy of this process would not do."""
    with pytest.raises(FsmError, match="imported by name"):
        run(calling(lambda state: state.data), [{"n": 1}], None)


def test_chunks_that_are_larger_than_a_pipe(tmp_path: Path) -> None:
    """Both ways, in order; a record may be larger than all pipes together."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(b'{"n": %d, "x": "%s"}\n' % (n, b"y" * size) for n, size in enumerate([10, 3_000_000, 10, 900_000] * 3, 1)))
    run(SORTER, source, tmp_path / "out.jsonl", CoreStreamConfig(chunk_size=1, parallelism=3))
    assert [json.loads(line)["n"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == list(range(1, 13))


def test_error_of_the_source_comes_after_its_records(tmp_path: Path) -> None:
    """Also with several processes, what it gave before is written."""
    def source() -> Iterator[dict[str, Any]]:
        yield from ({"n": n} for n in range(1, 100))
        raise KeyError("gone")

    with pytest.raises(KeyError):
        run(SORTER, source(), tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 99
