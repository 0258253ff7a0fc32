"""`check` and `run` on good and bad files: findings with their places, and exit codes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from worker.cli.app import app
from worker.cli.exit_codes import Exit

DEMO = Path(str(files("worker.demo")))
WORKER = "machine: machine.yaml\ninput: {topics: [in]}\noutput: {topic: out}\ndead_letter: {topic: dlq}\n"
NO_TARGET = "name: m\nstates:\n- {name: a, is_start: true}\n- {name: z, is_end: true}\narcs:\n- {from: a, to: nowhere}\n"
UNREACHABLE = ("name: m\nstates:\n- {name: a, is_start: true}\n- {name: alone}\n- {name: z, is_end: true}\n"
               "arcs:\n- {from: a, to: z}\n- {from: alone, to: z}\n")


@pytest.mark.parametrize("arguments", [[str(DEMO / "machine.yaml")], ["-c", str(DEMO / "worker.yaml")]])
def test_the_demo_is_sound(arguments: list[str]) -> None:
    """What we show first has no error and no warning, as a safe document."""
    done = CliRunner().invoke(app, ["check", *arguments, "--strict", "--json"])
    assert done.exit_code == Exit.OK, done.output
    assert json.loads(done.stdout)["ok"] is True


def test_an_error_exits_1_with_its_place(tmp_path: Path) -> None:
    """Each finding shows file:line:column."""
    machine = tmp_path / "machine.yaml"
    machine.write_text(NO_TARGET)
    done = CliRunner().invoke(app, ["check", str(machine)])
    assert done.exit_code == Exit.ERRORS
    assert f"{machine}:6:" in done.stdout


def test_json_findings_have_the_contracts_fields(tmp_path: Path) -> None:
    """`check --json`: ok and findings."""
    machine = tmp_path / "machine.yaml"
    machine.write_text(NO_TARGET)
    answer = json.loads(CliRunner().invoke(app, ["check", str(machine), "--json"]).stdout)
    assert answer["ok"] is False
    assert set(answer["findings"][0]) == {"code", "severity", "pointer", "file", "line", "column", "message", "hint"}
    assert 104 in {f["code"] for f in answer["findings"]}


def test_strict_makes_warnings_fail(tmp_path: Path) -> None:
    """A warning exits 0, with --strict 1."""
    machine = tmp_path / "machine.yaml"
    machine.write_text(UNREACHABLE)
    assert CliRunner().invoke(app, ["check", str(machine)]).exit_code == Exit.OK
    assert CliRunner().invoke(app, ["check", str(machine), "--strict"]).exit_code == Exit.ERRORS


def test_a_worker_file_is_checked_with_its_machine(tmp_path: Path) -> None:
    """`check -c` finds what is wrong in the machine that the file names."""
    (tmp_path / "machine.yaml").write_text(NO_TARGET)
    (tmp_path / "worker.yaml").write_text(WORKER)
    done = CliRunner().invoke(app, ["check", "-c", str(tmp_path / "worker.yaml")])
    assert done.exit_code == Exit.ERRORS
    assert "machine.yaml:6:" in done.stdout


def test_run_reports_every_problem_and_exits_78(tmp_path: Path) -> None:
    """A bad configuration: all problems at once on stderr, each at its place, nothing on stdout."""
    config = tmp_path / "worker.yaml"
    config.write_text(WORKER + "inputt: {}\nchunk: {max_records: many}\n")
    done = CliRunner().invoke(app, ["run", "-c", str(config)])
    assert (done.exit_code, done.stdout) == (Exit.CONFIG, "")
    assert f"{config}:5:" in done.stderr
    assert f"{config}:6:" in done.stderr


def test_a_worker_files_functions_and_params_reach_its_machine(tmp_path: Path) -> None:
    """`check -c` imports what `functions:` names and overrides what `params:` says, as `run` does; what cannot be imported is told with its place."""
    (tmp_path / "machine.yaml").write_text(
        "name: m\nparams: {late: 5}\nstates:\n- {name: a, is_start: true, functions: {transform: {ref: geo}}}\n- {name: z, is_end: true}\narcs:\n- {from: a, to: z}\n")
    config = tmp_path / "worker.yaml"
    config.write_text(WORKER + "functions: {geo: 'copy:copy'}\nparams: {late: 7}\n")
    done = CliRunner().invoke(app, ["check", "-c", str(config)])
    assert done.exit_code == Exit.OK, done.output
    config.write_text(WORKER + "functions: {geo: 'copy:nothing'}\n")
    done = CliRunner().invoke(app, ["check", "-c", str(config)])
    assert done.exit_code == Exit.ERRORS
    assert f"{config}:5:" in done.stdout and "copy:nothing" in done.stdout
    config.write_text(WORKER + "functions: {geo: 'copy:copy'}\nparams: {lat: 7}\n")
    assert "lat" in CliRunner().invoke(app, ["check", "-c", str(config)]).stdout
