"""The command line as a shell sees it: verbs, help, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from worker.cli.app import VERBS
from worker.cli.exit_codes import Exit

VERBS_HERE = [name for name, verb in VERBS.items() if find_spec(verb.module) is not None]


def fsm_worker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "worker", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_exit_codes_are_the_contracts() -> None:
    """Supervisors decide by these numbers; they never change."""
    assert {e.name: e.value for e in Exit} == {"OK": 0, "ERRORS": 1, "USAGE": 2, "UNAVAILABLE": 69, "INTERNAL": 70,
                                               "DRAIN_TIMEOUT": 75, "CONFIG": 78, "HALTED": 79}


@pytest.mark.parametrize("verb", VERBS_HERE)
def test_every_verb_helps_with_an_example(verb: str) -> None:
    """`--help` of every verb says what it does and shows a command to type."""
    done = fsm_worker(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"fsm-worker {verb}" in done.stdout.split("Example", 1)[1]


@pytest.mark.parametrize("arguments", [("nope",), ("version", "--nope"), ("run",), ("run", "-c", "no-such-file.yaml"), ("check",),
                                       ("check", "no-such-file.yaml"), ("demo", "--seconds", "soon")])
def test_usage_errors_exit_2(arguments: tuple[str, ...]) -> None:
    """Wrong arguments and unreadable argument files exit 2, with the reason on stderr and nothing on stdout."""
    done = fsm_worker(*arguments)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr


def test_version_prints_json() -> None:
    """`version --json` is one JSON object."""
    assert set(json.loads(fsm_worker("version", "--json").stdout)) == {"version", "python"}


def test_version_imports_nothing_heavy() -> None:
    """A verb pays only for itself: `version` loads neither Kafka, HTTP, rich nor the engine."""
    script = ("import sys; from worker.cli.app import main\nsys.argv = ['fsm-worker', 'version']\ntry: main()\nexcept SystemExit: pass\n"
              "print([m for m in ('aiokafka', 'aiohttp', 'rich', 'fsm_core.engine') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_defect_exits_70(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What no verb expected is an internal error with its traceback, not a usage error."""
    from worker.cli import app, version

    def explode() -> str:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(version.platform, "python_version", explode)
    monkeypatch.setattr(sys, "argv", ["fsm-worker", "version"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == Exit.INTERNAL
    assert "ZeroDivisionError: made up" in capsys.readouterr().err
