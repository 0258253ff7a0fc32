"""`diff`: which records end differently under a new machine, and how; what is the same is only counted."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

OLD = """
name: A
states:
- {name: row, is_start: true, set: {total: =data.n * 2}}
- {name: output, is_end: true}
- {name: big, is_end: true, route: big}
- {name: rejected, is_end: true, outcome: error}
arcs:
- {from: row, to: big, condition: data.n > 7}
- {from: row, to: rejected, condition: data.n == 0}
- {from: row, to: output, else: true}
"""


def diff(folder: Path, new: str, *arguments: str, count: int = 10) -> subprocess.CompletedProcess[str]:
    """OLD against `new` over n = 0…count - 1."""
    (folder / "old.yaml").write_text(OLD)
    (folder / "new.yaml").write_text(new)
    with gzip.open(folder / "in.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"n": n}) + "\n" for n in range(count))
    return subprocess.run([sys.executable, "-m", "worker", "diff", "old.yaml", "new.yaml", "--from", "in.jsonl.gz", *arguments],
                          capture_output=True, text=True, timeout=60, check=False, cwd=folder)


def moved(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], int]:
    """(old end, new end) → count."""
    answer: dict[str, Any] = json.loads(done.stdout)
    return {(one["from"], one["to"]): one["count"] for one in answer["moved"]}


def test_the_same_machine_changes_nothing(tmp_path: Path) -> None:
    """All records, no difference."""
    assert json.loads(diff(tmp_path, OLD, "--json").stdout) == {"records": 10, "different": 0, "moved": []}


def test_ends_are_counted_by_kind(tmp_path: Path) -> None:
    """A guard that moved, over more than one chunk."""
    done = diff(tmp_path, OLD.replace("> 7", "> 5"), "--json", count=2500)
    assert moved(done) == {("output", "big"): 2}
    assert [e["at"] for e in json.loads(done.stdout)["moved"][0]["examples"]] == ["record 6", "record 7"]


def test_the_place_is_that_of_the_file(tmp_path: Path) -> None:
    """Records of later chunks keep their own number."""
    done = diff(tmp_path, OLD.replace("condition: data.n > 7", "condition: data.n > 7 and data.n != 2345"), "--json", count=2500)
    assert [e["at"] for e in json.loads(done.stdout)["moved"][0]["examples"]] == ["record 2345"]


def test_other_data_at_the_same_end(tmp_path: Path) -> None:
    """What was sent differs: the example says which field, the error end's data too."""
    done = diff(tmp_path, OLD.replace("data.n * 2", "data.n * 3"), "--json", "--examples", "1")
    assert moved(done) == {("output", "output"): 7, ("big", "big"): 2}  # 0 * 2 is 0 * 3
    change = json.loads(done.stdout)["moved"][0]["examples"][0]["changes"]
    assert change == [{"kind": "changed", "path": "total", "before": 2, "after": 3}]


def test_new_failures_say_why(tmp_path: Path) -> None:
    """Reason and state are the end; the message stands beside it."""
    done = diff(tmp_path, OLD.replace("data.n * 2", "data.m"), "--examples", "1")
    assert "7  output → failed: transform in row" in done.stdout
    assert "new: field 'm' is missing" in done.stdout


def test_examples_are_bounded(tmp_path: Path) -> None:
    """So many of each kind, however many there are."""
    answer = json.loads(diff(tmp_path, OLD.replace("data.n * 2", "data.n * 3"), "--json", "--examples", "2", count=5000).stdout)
    assert [len(one["examples"]) for one in answer["moved"]] == [2, 2]


@pytest.mark.parametrize(("new", "source", "code"), [(OLD, "none.jsonl", 2), (OLD, "some.topic", 2), (OLD.replace("to: big", "to: bog"), "in.jsonl.gz", 1)])
def test_refusals(tmp_path: Path, new: str, source: str, code: int) -> None:
    """No such file, a topic without a broker to ask, a machine with errors."""
    assert diff(tmp_path, new, "--from", source).returncode == code
