"""`init`: what it writes works at once, and what was there stays."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import typer
from click.testing import CliRunner, Result

from fsm_core import load
from worker.cli.app import app


def run(*arguments: str, cwd: Path) -> Result:
    """The command in this process, from that folder."""
    with contextlib.chdir(cwd):
        return CliRunner().invoke(typer.main.get_command(app), arguments)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh project."""
    assert run("init", "new/orders", cwd=tmp_path).exit_code == 0
    return tmp_path / "new" / "orders"


def test_check_finds_nothing(project: Path) -> None:
    """Neither in the machine nor in the worker file, warnings included; only what the ends hold is told."""
    assert {f.code for f in load(project / "machine.yaml").check()} <= {900}
    done = run("check", "-c", "worker.yaml", "--strict", "--json", cwd=project)
    assert (done.exit_code, done.stderr) == (0, "")
    assert {f["code"] for f in json.loads(done.stdout)["findings"]} <= {900}


def test_check_says_ok_and_names_files_as_one_types_them(project: Path) -> None:
    """Relative to here; what is only told does not hide that all is well."""
    lines = run("check", "-c", "worker.yaml", cwd=project).stdout.splitlines()
    assert lines[-1] == f"ok, {len(lines) - 1} info"
    assert all(line.startswith("machine.yaml:") for line in lines[:-1])


def test_its_tests_pass_and_take_every_arc(project: Path) -> None:
    """All of them."""
    answer = json.loads(run("test", "machine.yaml", "--json", cwd=project).stdout)
    assert answer["ok"]
    assert len(answer["machines"][0]["tests"]) == 7
    assert answer["machines"][0]["untaken"] == []


def test_its_records_stream(project: Path) -> None:
    """Two outputs, one rejected, one dropped."""
    answer = json.loads(run("stream", "machine.yaml", "orders.jsonl", "out.jsonl", "--json", cwd=project).stdout)
    assert [answer[k] for k in ("total_records", "successful", "rejected", "dropped")] == [4, 2, 1, 1]


def test_the_readme_shows_what_explain_says(project: Path) -> None:
    """Of the project's machine, word for word."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    told = run("explain", "machine.yaml", "--record", '{"id": 1, "qty": 2, "price": 9.5}', cwd=project).stdout
    assert told
    assert f"\n```\n{told}```\n" in readme


def test_nothing_is_overwritten(project: Path) -> None:
    """One file in the way, and none is written."""
    for file in project.iterdir():
        if file.name != "README.md":
            file.unlink()
    (project / "README.md").write_text("mine")
    done = run("init", ".", cwd=project)
    assert done.exit_code == 1
    assert "README.md" in done.stderr
    assert {f.name: f.read_text() for f in project.iterdir()} == {"README.md": "mine"}
