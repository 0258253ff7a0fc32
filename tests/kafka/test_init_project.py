"""The project that `init` writes, on a real Kafka, command by command as its README says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.worker_process import ROOT, WorkerProcess, until


def run(project: Path, *command: str) -> str:
    """What a command prints that ends well."""
    done = subprocess.run([sys.executable, *command], cwd=project, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_step_of_its_readme(kafka: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fed, run, shown, the dead letter listed with its reason, and audited; a second `feed` finds its topics."""
    for name, value in {"BOOTSTRAP": kafka.bootstrap, "PYTHONPATH": str(ROOT), "FSM_WORKER__HTTP__PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    run(tmp_path, "-m", "worker", "init", ".")
    assert [run(tmp_path, "topics.py", "feed") for _ in range(2)] == ["sent 4 records to orders.in\n"] * 2
    worker = WorkerProcess(tmp_path / "worker.yaml")
    try:
        worker.ready()
        until(lambda: len(run(tmp_path, "topics.py", "show").splitlines()) == 6, 60, "six records shown", worker)
        assert run(tmp_path, "-m", "worker", "dlq", "list", "-c", "worker.yaml").count("qty is below 1") == 2
        until(lambda: "8 inputs: lost 0, doubled 0" in run(tmp_path, "-m", "worker", "audit", "-c", "worker.yaml"), 60, "a clean audit", worker)
    finally:
        worker.stop()
