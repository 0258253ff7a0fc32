"""`fsm-worker init`: a small project that works at once."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from worker.cli import machines
from worker.cli.exit_codes import Exit

FILES = ("machine.yaml", "worker.yaml", "orders.jsonl", "topics.py", "README.md")


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; it is made if it is not there.", file_okay=False)],
    json_: machines.Json = False,
) -> None:
    """Write a small project: a machine with its tests, a worker file, some records. Nothing that is there is overwritten.

    Example: fsm-worker init orders && cd orders && fsm-worker test machine.yaml
    """
    from fsm_core.schema import machine_schema
    from worker.config.schema import worker_schema

    sources = files("worker.cli") / "project"
    texts = {name: (sources / name).read_text(encoding="utf-8") for name in FILES}
    texts |= {f"{kind}.schema.json": json.dumps(made, indent=2) + "\n" for kind, made in (("machine", machine_schema()), ("worker", worker_schema()))}
    taken = [name for name in texts if (directory / name).exists()]
    if taken:
        print(f"{directory} has {', '.join(taken)} already: nothing was written", file=sys.stderr)
        raise typer.Exit(Exit.ERRORS)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (directory / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        print(f"{directory}: cannot be written: {error}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None
    if json_:
        print(json.dumps({"directory": str(directory), "files": list(texts)}))
    else:
        print(f"wrote {', '.join(texts)} into {directory}\nnext: cd {directory} && fsm-worker test machine.yaml")
