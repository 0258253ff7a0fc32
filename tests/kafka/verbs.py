"""One-shot verbs of the command line, on a case's configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from tests.kafka.case import Case
from tests.kafka.worker_process import ROOT


class Said(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its answer as JSON."""
        assert self.code in (0, 1), self.err
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its answer as JSON lines."""
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


def say(case: Case, *arguments: str, **sections: Any) -> Said:
    """`python -m worker ARGUMENTS -c FILE`, with some sections of the configuration replaced."""
    file = case.folder / "verb.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump({**case.config, **sections}, out)
    done = subprocess.run([sys.executable, "-m", "worker", *arguments, "-c", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    return Said(done.returncode, done.stdout, done.stderr)
