"""`fsm-worker graph`: a machine as a picture."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from worker.cli import machines
from worker.cli.exit_codes import Exit


class Format(StrEnum):
    """What a machine can be drawn as."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    HTML = "html"


def graph(
    machine: Annotated[Path, typer.Argument(metavar="MACHINE", help="A machine document.", exists=True, dir_okay=False, readable=True)],
    form: Annotated[Format, typer.Option("--format", "-f", help="What to draw it as.")] = Format.MERMAID,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write; default standard output.")] = None,
    trust: machines.Trust = False,
    param: machines.Param = None,
    function: machines.Function = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object: the format and the text.")] = False,
) -> None:
    """Draw a machine: every state, every arc with its guard, networks as frames.

    Example: fsm-worker graph orders.yaml --format html -o orders.html
    """
    from fsm_core import graph as drawing

    shape = drawing.shape_of(machines.outline_of(machines.given(machine, trust, function, param), json_))
    draw = {Format.MERMAID: drawing.mermaid, Format.DOT: drawing.dot, Format.SVG: drawing.svg, Format.HTML: drawing.page}[form]
    try:
        text = draw(shape)
    except drawing.NoLayout as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None
    if json_:
        text = json.dumps({"format": form.value, "text": text}) + "\n"
    machines.write(text, output)
