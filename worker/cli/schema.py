"""`fsm-worker schema`: JSON Schemas for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from worker.cli import machines


class Kind(StrEnum):
    """The files that people write."""

    MACHINE = "machine"
    WORKER = "worker"


def schema(
    kind: Annotated[Kind, typer.Argument(metavar="machine|worker", help="Of which file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write; default standard output.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="On one line.")] = False,
) -> None:
    """Print the JSON Schema of a machine document or of a worker file. An editor takes it from the file's first line:
    `# yaml-language-server: $schema=machine.schema.json`.

    Example: fsm-worker schema machine -o machine.schema.json
    """
    if kind is Kind.MACHINE:
        from fsm_core.schema import machine_schema

        made = machine_schema()
    else:
        from worker.config.schema import worker_schema

        made = worker_schema()
    machines.write(json.dumps(made, indent=None if json_ else 2, ensure_ascii=False) + "\n", output)
