"""The command line: `python -m benchmarks [kafka|machine|libraries|streams|hostile] [--records N] [--runs N] [--seed N]`."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import libraries, streams
from benchmarks.contest import CONTENDERS, OURS, Outcome, contest
from benchmarks.hostile import siege
from benchmarks.machine_cost import machine_cost
from benchmarks.topics import Topics
from worker.embedded import EmbeddedKafka

RESULTS = Path("results")
INPUT = "benchmark-input"


def main() -> int:
    """0 when every result of every run was right, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("kafka", "machine", "libraries", "streams", "hostile"), default="kafka")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7, help="hostile: another seed makes other records")
    parser.add_argument("--dataknobs", metavar="PYTHON", help="streams: a Python that has dataknobs-fsm, to compare with it too")
    parser.add_argument("--peers", metavar="PYTHON", default=sys.executable, help="libraries: a Python that has them")
    asked = parser.parse_args()
    if asked.records < 1 or asked.runs < 1:
        parser.error("--records and --runs must be 1 or more")
    if asked.what == "machine":
        return _machine(asked.records, asked.runs)
    if asked.what == "hostile":
        return _hostile(asked.records, asked.seed)
    if asked.what == "streams":
        return _streams(asked.records, asked.runs, asked.dataknobs)
    if asked.what == "libraries":
        return _libraries(asked.records, asked.runs, asked.peers)
    outcomes = _kafka(asked.records, asked.runs)
    Console(width=140).print(_table(outcomes))
    return int(any(o.missing or o.doubled or o.wrong or o.uncommitted for o in outcomes))


def _machine(records: int, runs: int) -> int:
    costs = machine_cost(records, runs)
    for job, ways in costs.items():
        for name, cost in ways.items():
            print(f"{job:12} {name:12} {cost:6.2f} µs/record   x{cost / ways['by hand']:.2f}")
    _keep({"what": "machine", "records": records, "runs": runs, **costs})
    return 0


def _hostile(records: int, seed: int) -> int:
    """Ends with a traceback at the first record that is not accounted for."""
    tally = siege(seed, records).as_dict()
    _keep({"what": "hostile", "seed": seed, **tally})
    print(json.dumps(tally))
    return 0


def _streams(records: int, runs: int, dataknobs: str | None) -> int:
    done = []
    for run in streams.streams(records, runs, dataknobs):
        done.append(run)
        _keep({"what": "streams", **asdict(run)})
        print(json.dumps(asdict(run)), flush=True)
    Console(width=160).print(streams.table(done))
    return int(not all(run.right for run in done))


def _libraries(records: int, runs: int, peers: str) -> int:
    done = []
    try:
        for run in libraries.libraries(records, runs, peers):
            done.append(run)
            _keep({"what": "libraries", **asdict(run)})
            print(json.dumps(asdict(run)), flush=True)
    except libraries.Absent as error:
        print(error, file=sys.stderr)
        return 2
    Console(width=140).print(libraries.table(done))
    return int(not all(run.right for run in done))


def _kafka(records: int, runs: int) -> list[Outcome]:
    """The contenders take turns, so that what else the machine does falls on all of them."""
    outcomes = []
    with EmbeddedKafka() as kafka:
        topics = Topics(kafka.bootstrap)
        topics.create(INPUT)
        topics.fill(INPUT, records)
        for _ in range(runs):
            for name in CONTENDERS:
                outcome = contest(topics, name, INPUT, records)
                outcomes.append(outcome)
                _keep(asdict(outcome))
                print(json.dumps(asdict(outcome)), flush=True)
    return outcomes


def _keep(result: dict[str, object]) -> None:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "benchmarks.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": round(time.time()), **result}) + "\n")


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("contender", "CPU µs/record", "ratio", "with start", "records/s", "ratio", "peak RSS MB", "missing", "doubled", "wrong", "uncommitted")

    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(o, field) for o in outcomes if o.name == name))

    def total(name: str, field: str) -> str:
        return str(sum(getattr(o, field) for o in outcomes if o.name == name))

    for name in CONTENDERS:
        cpu, rate = median(name, "cpu_us"), median(name, "records_s")
        table.add_row(name, f"{cpu:.1f}", f"x{cpu / (median(OURS, 'cpu_us') or 1):.2f}", f"{median(name, 'cpu_us_all'):.1f}", f"{rate:,.0f}",
                      f"x{rate / (median(OURS, 'records_s') or 1):.2f}", f"{median(name, 'rss_mb'):.0f}",
                      *(total(name, field) for field in ("missing", "doubled", "wrong", "uncommitted")))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
