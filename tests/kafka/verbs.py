"""One-shot verbs of the command line, on a case's configuration."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import typer
from click.testing import CliRunner
from ruamel.yaml import YAML

from tests.kafka.case import Case
from worker.cli.app import app


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
    """`fsm-worker ARGUMENTS -c FILE` in this process, with some sections of the configuration replaced."""
    file = case.folder / "verb.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump({**case.config, **sections}, out)
    done = CliRunner().invoke(typer.main.get_command(app), [*arguments, "-c", str(file)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)
