"""Is each invariant held by a test? `python -m benchmarks.invariants [I7 ...]` breaks the code in a copy, one change at a time, and sees tests fail."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.breaks import BREAKS, Break

ROOT = Path(__file__).parents[1]
_PARTS = ("fsm_core", "worker", "tests", "benchmarks", "examples", "docs")
_SECONDS = 240
_HANG = "30"  # seconds for one test: what a change makes wait for ever fails by it


class Verdict(NamedTuple):
    """`caught`: a test failed, and which; else why not."""

    broken: Break
    caught: bool
    by: str


def copied(folder: Path) -> Path:
    """The project as it stands, without its environment."""
    for name in _PARTS:
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for file in ("pyproject.toml", "README.md", "Makefile"):
        shutil.copy(ROOT / file, folder / file)
    return folder


def tried(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """pytest's exit code over these, and the first test that failed."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", f"--timeout={_HANG}", "--hypothesis-seed=1", "--tb=no", *tests]
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 1, "no end"  # a loop that never turns again; without the change the same tests have ended
    failed = [line.split()[1].split("::")[-1] for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return done.returncode, failed[0] if failed else done.stdout[-300:] + done.stderr[-300:]


def judged(broken: Break) -> Verdict:
    """One change in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="broken-") as name:
        folder = copied(Path(name))
        file = folder / broken.file
        text = file.read_text(encoding="utf-8")
        if text.count(broken.find) != 1:
            return Verdict(broken, False, f"stale: its text stands {text.count(broken.find)} times in {broken.file}")
        file.write_text(text.replace(broken.find, broken.put), encoding="utf-8")
        compile(file.read_text(encoding="utf-8"), broken.file, "exec")
        code, by = tried(folder, broken.tests)
        return Verdict(broken, code == 1, by if code == 1 else f"pytest ended with {code}")


def whole(breaks: Sequence[Break]) -> str | None:
    """Why the tests would say nothing: they fail without any change."""
    with tempfile.TemporaryDirectory(prefix="whole-") as name:
        code, by = tried(copied(Path(name)), sorted({test for each in breaks for test in each.tests}))
    return None if code == 0 else f"without any change: {by}"


def main() -> int:
    """0 when every change made a test fail."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invariants", description=__doc__)
    parser.add_argument("only", nargs="*", help="invariants, or words of a change")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    asked = parser.parse_args()
    breaks = [b for b in BREAKS if not asked.only or any(o == b.invariant or o in b.what for o in asked.only)]
    if why := whole(breaks):
        print(why)
        return 1
    with ThreadPoolExecutor(asked.jobs) as pool:
        verdicts = []
        print("| | change of the code | fails |\n|---|---|---|")
        for verdict in pool.map(judged, breaks):
            verdicts.append(verdict)
            print(f"| {verdict.broken.invariant} | {verdict.broken.what} | {'`' + verdict.by + '`' if verdict.caught else 'NOTHING: ' + verdict.by} |", flush=True)
    caught = sum(v.caught for v in verdicts)
    print(f"\n{caught} of {len(verdicts)} caught")
    return int(caught != len(verdicts))


if __name__ == "__main__":
    raise SystemExit(main())
