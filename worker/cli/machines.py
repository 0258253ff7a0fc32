"""How a verb comes by the machine it was given: the document read and judged, its errors printed, exit 1."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import options
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from fsm_core.definition import Definition
    from fsm_core.engine.machine import Machine
    from worker.config import LoadedConfig

Trust = Annotated[bool, typer.Option("--trust", help="Read it as a trusted document.")]
Param = Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Override a param of the machine.")]
Function = Annotated[list[str] | None, typer.Option("--function", metavar="NAME=MODULE:ATTR", help="A function that a safe machine may call.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True, slots=True)
class Given:
    """What was said of how to read a machine. `source` is a path or an inline document."""

    source: Path | str | dict[str, Any]
    trusted: bool = False
    functions: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def given(source: Path, trust: bool, function: Sequence[str] | None, param: Sequence[str] | None) -> Given:
    """The options of a verb that takes MACHINE; malformed ones are usage errors."""
    return Given(source, options.trusted(trust), options.functions(function), options.params(param))


def of_worker(loaded: LoadedConfig, trust: bool, functions: dict[str, Any], params: dict[str, Any], source: Path | None = None) -> Given:
    """The machine of a worker file, or another one in its place, with what the file gives it; raises ConfigError where that cannot be imported."""
    from worker.machines import import_functions

    settings = loaded.config
    return Given(source or settings.machine, trust or settings.trust, {**import_functions(loaded), **functions}, {**settings.params, **params})


def definition_of(machine: Given, as_json: bool = False) -> Definition:
    """The definition; exit 1 with every finding where the document has errors, 2 where its file cannot be read."""
    from fsm_core.document import load_document, parse

    return _judged(lambda: parse(load_document(machine.source, machine.trusted), machine.functions, machine.params), machine, as_json)


def outline_of(machine: Given, as_json: bool = False) -> Definition:
    """The definition for who only looks at it: functions of the host may be missing. Exits as `definition_of` does."""
    from fsm_core.document import examine, load_document
    from fsm_core.errors import DocumentError

    def read() -> Definition:
        definition, findings = examine(load_document(machine.source, machine.trusted), machine.functions, machine.params)
        if definition is None:
            raise DocumentError(findings)
        return definition

    return _judged(read, machine, as_json)


def machine_of(machine: Given, as_json: bool = False) -> Machine:
    """The machine, ready to run; exits as `definition_of` does."""
    from fsm_core.engine.machine import Machine

    return Machine(definition_of(machine, as_json))


def _judged(read: Callable[[], Definition], machine: Given, as_json: bool) -> Definition:
    from fsm_core.errors import DocumentError

    try:
        return read()
    except DocumentError as error:
        if as_json:
            print(json.dumps({"ok": False, "findings": [f.as_dict() for f in error.findings]}))
        else:
            print(error, file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None
    except (OSError, UnicodeDecodeError) as error:
        print(f"{machine.source}: cannot be read: {error}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None


def write(text: str, to: Path | None) -> None:
    """The text to a file, or to standard output; exit 2 where the file cannot be written."""
    if to is None:
        sys.stdout.write(text)
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"{to}: cannot be written: {error.strerror}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None
