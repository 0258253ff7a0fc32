"""The streaming page's machine in libraries for state machines, beside ours compiled and interpreted, and beside a loop by hand."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

PACKAGES = ("transitions", "python-statemachine", "dataknobs-fsm", "orjson")
COMPILED = "fsm-worker, compiled"
_FEW = 2000
"""What the slow ones are given at most."""
_CONTENDERS = {"by hand, one loop": "walk_hand", COMPILED: "walk_compiled", "fsm-worker, interpreted": "walk_interpreted",
               "transitions": "walk_transitions", "python-statemachine": "walk_statemachine", "dataknobs-fsm": "walk_dataknobs"}
_ABSENT = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One contender once. `cpu_us`: µs of CPU a record; `right`: every output was what it has to be."""

    name: str
    records: int
    cpu_us: float
    right: bool
    version: str


class Absent(Exception):
    """A library is not installed; the message says what to do."""


def libraries(records: int, runs: int, peer: str) -> Iterator[Run]:
    """The contenders take turns; `peer` is a Python that has the libraries, which are no dependencies of ours."""
    for _ in range(runs):
        for name, module in _CONTENDERS.items():
            ours = module in ("walk_hand", "walk_compiled", "walk_interpreted")
            count = records if ours else min(records, _FEW)
            yield _run(name, module, count, sys.executable if ours else peer)


def _run(name: str, module: str, records: int, python: str) -> Run:
    here = {"PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run([python, "-m", "benchmarks.peers.walk", module, str(records)], capture_output=True, text=True, env=os.environ | here, check=False)
    if done.returncode == _ABSENT:
        raise Absent(f"{done.stderr.strip()}\nPut them where they disturb nothing, and name that Python:\n"
                     f"  python -m venv /tmp/libraries && /tmp/libraries/bin/pip install {' '.join(PACKAGES)}\n"
                     "  python -m benchmarks libraries --peers /tmp/libraries/bin/python")
    done.check_returncode()
    return Run(name, records, **json.loads(done.stdout.splitlines()[-1]))


def table(runs: Sequence[Run]) -> Table:
    """Medians; the ratio is to our compiled machine."""
    out = Table("contender", "version", "records", "CPU µs/record", "ratio", "right")
    cost = {run.name: statistics.median(one.cpu_us for one in runs if one.name == run.name) for run in runs}
    for name, micros in cost.items():
        own = [run for run in runs if run.name == name]
        out.add_row(name, own[0].version, f"{own[0].records:,}", f"{micros:.2f}", f"x{micros / cost[COMPILED]:.3g}", str(all(run.right for run in own)))
    return out
