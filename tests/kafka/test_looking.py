"""The verbs that look at records where they stand in Kafka: `explain --at`, `diff --from TOPIC`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.kafka.case import Case, MakeCase
from tests.kafka.outside import Fed, feed

MACHINE: dict[str, Any] = {"name": "Looked", "states": [
    {"name": "row", "is_start": True, "set": {"twice": "=data.n * 2", "key": "=state.meta.key"}}, {"name": "output", "is_end": True},
    {"name": "big", "is_end": True, "outcome": "drop"}], "arcs": [
    {"from": "row", "to": "big", "condition": "data.n > 7"}, {"from": "row", "to": "output", "else": True}]}


def write(case: Case, folder: Path) -> None:
    """A worker file, the machine as it is, and one that is to be."""
    yaml = YAML(typ="safe", pure=True)
    later = json.loads(json.dumps(MACHINE).replace("> 7", "> 5"))
    for name, value in (("worker.yaml", {**case.config, "machine": "old.yaml"}), ("old.yaml", MACHINE), ("new.yaml", later)):
        with (folder / name).open("w") as file:
            yaml.dump(value, file)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell sees it."""
    return subprocess.run([sys.executable, "-m", "worker", *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=folder)


def test_explain_reads_one_record(make_case: MakeCase, tmp_path: Path) -> None:
    """With its key as meta; an offset that is not there is said."""
    case = make_case()
    write(case, tmp_path)
    feed(case.bootstrap, case.source, (Fed(b"k%d" % n, json.dumps({"n": n}).encode()) for n in range(3)))
    done = run(tmp_path, "explain", "-c", "worker.yaml", "--at", f"{case.source}:0:2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["visits"][0]["after"] == {"n": 2, "twice": 4, "key": "k2"}
    missing = run(tmp_path, "explain", "-c", "worker.yaml", "--at", f"{case.source}:0:3")
    assert (missing.returncode, missing.stderr) == (1, f"there is no record at {case.source}:0:3\n")


def test_diff_reads_a_topic(make_case: MakeCase, tmp_path: Path) -> None:
    """Over all its partitions, tombstones aside; by -c and by a bare broker."""
    case = make_case(partitions=3)
    write(case, tmp_path)
    feed(case.bootstrap, case.source, [*(Fed(b"k", json.dumps({"n": n}).encode(), partition=n % 3) for n in range(30)), Fed(b"k", None, partition=0)])
    for how in (("-c", "worker.yaml"), ("--bootstrap", case.bootstrap)):
        done = run(tmp_path, "diff", "old.yaml", "new.yaml", "--from", case.source, "--json", *how)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert (answer["records"], [(m["from"], m["to"], m["count"]) for m in answer["moved"]]) == (30, [("output", "big", 2)])
        assert sorted(e["at"] for e in answer["moved"][0]["examples"]) == [f"{case.source}:0:2", f"{case.source}:1:2"]
