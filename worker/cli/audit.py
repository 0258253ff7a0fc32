"""`fsm-worker audit`: proof from the topics that nothing was lost or doubled."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer

from worker.cli.asking import Config, Json, Sets, settle
from worker.cli.exit_codes import Exit

_PLACE = re.compile(r"((.+:)?\d+:)?\d+")


def audit(config: Config,
          since: Annotated[list[str] | None, typer.Option("--from", metavar="[[TOPIC:]PARTITION:]OFFSET", help="First input offset; may be repeated.")] = None,
          until: Annotated[list[str] | None, typer.Option("--to", metavar="[[TOPIC:]PARTITION:]OFFSET", help=(
              "The input offset after the last; what the group committed if not given; may be repeated."))] = None,
          sets: Sets = None, json_: Json = False) -> None:
    """Hold outputs and dead letters against the inputs: every input offset has exactly one outcome. Exit 1 if not.

    Needs `output.provenance: true`.

    Example: fsm-worker audit -c worker.yaml --from 0:1200
    """
    from worker.tools import audit as auditing

    for option, texts in (("--from", since), ("--to", until)):
        for text in texts or ():
            if not _PLACE.fullmatch(text):
                raise typer.BadParameter(f"{text!r} is not [[TOPIC:]PARTITION:]OFFSET", param_hint=option)
    verdict = settle(config, sets, lambda loaded: auditing.audit(loaded, since or (), until or ()))
    print(json.dumps(verdict.as_dict()) if json_ else verdict)
    raise typer.Exit(Exit.OK if verdict.good else Exit.ERRORS)
