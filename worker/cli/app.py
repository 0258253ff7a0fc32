"""The command line: one table of verbs, each imported only when it is called."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from worker.cli.exit_codes import Exit


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives. The function is typer-style: its signature is its options, its docstring its help; or a Typer of verbs."""

    module: str
    function: str


VERBS = {
    "run": Verb("worker.cli.run", "run"),
    "check": Verb("worker.cli.check", "check"),
    "test": Verb("worker.cli.test", "test"),
    "explain": Verb("worker.cli.explain", "explain"),
    "graph": Verb("worker.cli.graph", "graph"),
    "diff": Verb("worker.cli.diff", "diff"),
    "schema": Verb("worker.cli.schema", "schema"),
    "init": Verb("worker.cli.init", "init"),
    "stream": Verb("worker.cli.stream", "stream"),
    "demo": Verb("worker.cli.demo", "demo"),
    "broker": Verb("worker.cli.broker", "broker"),
    "dlq": Verb("worker.cli.dlq", "app"),
    "audit": Verb("worker.cli.audit", "audit"),
    "health": Verb("worker.cli.health", "health"),
    "version": Verb("worker.cli.version", "version"),
}


class LazyVerbs(TyperGroup):
    """A group whose commands come from `VERBS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs that this installation has, in the table's order."""
        return [name for name, verb in VERBS.items() if find_spec(verb.module) is not None]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one verb; None for an unknown one, which typer reports as a usage error."""
        verb = VERBS.get(cmd_name)
        if verb is None or find_spec(verb.module) is None:
            return None
        function = getattr(import_module(verb.module), verb.function)
        if isinstance(function, typer.Typer):  # a verb of verbs
            group = typer.main.get_command(function)
            group.name = cmd_name
            return group
        one = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        one.command(cmd_name)(function)
        return typer.main.get_command(one)


app = typer.Typer(cls=LazyVerbs, name="fsm-worker", add_completion=False, no_args_is_help=True, rich_markup_mode="markdown",
                  pretty_exceptions_enable=False)


@app.callback()
def fsm_worker() -> None:
    """A Kafka worker whose rules are a state machine that people can read, and that loses nothing.

    Example: fsm-worker demo
    """


def main() -> None:
    """Entry point. Usage errors exit 2; what no verb expected exits 70."""
    try:
        typer.main.get_command(app)(prog_name="fsm-worker")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
        sys.exit(Exit.ERRORS)
    except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, it exits 70
        traceback.print_exc()
        print(f"internal error: {type(error).__name__}: {error}; please report it with the lines above", file=sys.stderr)
        sys.exit(Exit.INTERNAL)
