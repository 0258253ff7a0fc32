"""Where functions that a user names are found: beside what names them, and never before what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = """
name: m
states:
- {name: start, is_start: true, functions: {transform: {ref: twice, pure: true}}}
- {name: out, is_end: true}
arcs:
- {from: start, to: out}
"""
WORKER = """
machine: m.yaml
functions: {twice: "shop.numbers:twice"}
input: {topics: [in]}
output: {topic: out}
dead_letter: {topic: dead}
"""
CONSOLE_SCRIPT = "import sys; from worker.cli.app import main; sys.argv[0] = 'fsm-worker'; main()"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A machine, its worker file and its functions, with a neighbour that is imported when it is called, and a trap."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "numbers.py").write_text("def twice(data):\n    from neighbour import factor\n    return {**data, 'n': data['n'] * factor}\n")
    (tmp_path / "neighbour.py").write_text("factor = 2\n")
    (tmp_path / "orjson.py").write_text("raise RuntimeError('a file of the project stands in for a package')\n")
    (tmp_path / "m.yaml").write_text(MACHINE)
    (tmp_path / "worker.yaml").write_text(WORKER)
    return tmp_path


def run(cwd: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """As the console script does: Python puts no directory of the caller's in its path (`-P`)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-P", "-c", CONSOLE_SCRIPT, *map(str, arguments)], cwd=cwd, env=environment, text=True, capture_output=True,
                          check=False, timeout=60)


def test_an_option_names_modules_of_the_current_directory(project: Path) -> None:
    """Those that a function imports when it is called, too."""
    done = run(project, "explain", "m.yaml", "--function", "twice=shop.numbers:twice", "--record", '{"n": 4}', "--json")
    assert done.returncode == 0 and '"n": 8' in done.stdout, done


def test_a_worker_file_names_modules_beside_it(project: Path) -> None:
    """As its machine's path is: wherever it is started from."""
    done = run(project.parent, "explain", "-c", project / "worker.yaml", "--record", '{"n": 4}', "--json")
    assert done.returncode == 0 and '"n": 8' in done.stdout, done


def test_what_is_not_there_is_told_with_where_it_was_looked_for(project: Path) -> None:
    """A worker file in another directory than its modules."""
    (project / "conf").mkdir()
    (project / "conf" / "worker.yaml").write_text(WORKER.replace("m.yaml", "../m.yaml"))
    done = run(project, "check", "-c", "conf/worker.yaml")
    assert done.returncode == 1 and f"looked for in {(project / 'conf').resolve()}" in done.stdout, done


def test_a_safe_document_without_functions_opens_no_directory(project: Path) -> None:
    """Looking at somebody's document runs nothing that lies beside it."""
    (project / "m.yaml").write_text(MACHINE.replace(", functions: {transform: {ref: twice, pure: true}}", ""))
    show = "import sys; from worker.cli.app import main\ntry:\n    main()\nfinally:\n    print(*sys.path, sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-P", "-c", show, "check", "m.yaml"], cwd=project, env=environment, text=True, capture_output=True, check=False, timeout=60)
    assert str(project.resolve()) not in done.stdout.splitlines(), done
