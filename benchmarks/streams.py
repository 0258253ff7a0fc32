"""File to file with the streaming page's machine: ours in one process and two, a loop by hand, and dataknobs-fsm where it is there."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks import seed

PEER_RECORDS = 20_000
"""What dataknobs-fsm is given at most: it takes hundreds of times as long."""
ONE, TWO, HAND, PEER = "fsm-worker, 1 process", "fsm-worker, 2 processes", "orjson loop by hand", "dataknobs-fsm"


@dataclass(frozen=True, slots=True)
class Run:
    """One contender once. `others`: CPU seconds that the rest of the machine took meanwhile; `right`: the same records as the loop's."""

    name: str
    records: int
    seconds: float
    cpu: float
    own_mb: float
    child_mb: float
    others: float
    right: bool


def streams(records: int, runs: int, peer: str | None) -> Iterator[Run]:
    """The contenders take turns; `peer` is a Python that has dataknobs-fsm."""
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        full, few = where / "in.jsonl", where / "few.jsonl"
        seed.write(full, records)
        seed.write(few, min(records, PEER_RECORDS))
        for _ in range(runs):
            yield _run(HAND, full, records, [sys.executable, "-m", "benchmarks.peers.stream_hand"])
            yield _run(ONE, full, records, [sys.executable, "-m", "benchmarks.peers.stream_ours"], "1")
            yield _run(TWO, full, records, [sys.executable, "-m", "benchmarks.peers.stream_ours"], "2")
            if peer is not None:
                yield _run(PEER, few, min(records, PEER_RECORDS), [peer, "-m", "benchmarks.peers.stream_dataknobs"])


def _run(name: str, source: Path, records: int, command: Sequence[str], *more: str) -> Run:
    sink = source.with_name("out.jsonl")
    busy = _busy()
    here = {"PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run([*command, str(source), str(sink), *more], check=True, capture_output=True, text=True, env=os.environ | here)
    said = json.loads(done.stdout.splitlines()[-1])
    return Run(name, records, **said, others=max(0.0, _busy() - busy - said["cpu"]), right=_right(source, sink))


def _right(source: Path, sink: Path) -> bool:
    """Record for record what the page says, however the contender writes its JSON."""
    with source.open("rb") as given, sink.open("rb") as made:
        return all(_fits(json.loads(before), json.loads(after)) for before, after in zip(given, made, strict=True))


def _fits(before: dict[str, object], after: dict[str, object]) -> bool:
    made = seed.expected(before)
    return after == (before | {"valid": False} if made is None else made)


def _busy() -> float:
    """CPU seconds that the whole machine has worked."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system = map(int, file.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def table(runs: Sequence[Run]) -> Table:
    """Medians; the ratio is of records a second to the same of one process of ours."""
    out = Table("contender", "records", "seconds", "records/s", "ratio", "CPU µs/record", "peak MB", "a child's", "others' CPU s", "right")
    ones = [run for run in runs if run.name == ONE]
    base = statistics.median(run.records / run.seconds for run in ones)
    for name in dict.fromkeys(run.name for run in runs):
        own = [run for run in runs if run.name == name]
        rate, records = statistics.median(run.records / run.seconds for run in own), own[0].records
        out.add_row(name, f"{records:,}", f"{records / rate:.2f}", f"{rate:,.0f}", f"x{rate / base:.3g}",
                    f"{statistics.median(run.cpu for run in own) / records * 1e6:.2f}", f"{max(run.own_mb for run in own):.0f}",
                    f"{max(run.child_mb for run in own):.0f}", f"{statistics.median(run.others for run in own):.1f}",
                    str(all(run.right for run in own)))
    return out
