"""`fsm-worker run`: one worker in the foreground, until a signal or the breaker ends it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.exit_codes import Exit


def run(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The worker's YAML file.", exists=True, dir_okay=False, readable=True)],
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key; the value is YAML.")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Let the machine's code use everything Python has.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the ready line as JSON.")] = False,
) -> None:
    """Run the worker until SIGTERM or SIGINT, which drain it; a second signal stops at once.

    Example: fsm-worker run -c worker.yaml --set kafka.group_id=orders-2
    """
    from fsm_core.errors import DocumentError
    from worker.config import ConfigError, load_config

    overrides = [*(sets or ()), *(["trust=true"] if trust else ())]
    try:
        loaded = load_config(config, overrides)
        from worker.wiring import run_worker  # after the file is known to be good: a typo is reported at once

        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            code = runner.run(run_worker(loaded, ready_as_json if json_ else ready_as_text))
    except (ConfigError, DocumentError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.CONFIG) from None
    raise typer.Exit(code)


def ready_as_json(ready: dict[str, Any]) -> None:
    """One JSON line: event, name, pid, http, members."""
    line = {"event": "ready", "name": ready["name"], "pid": os.getpid(), "http": ready.get("http"), "members": ready.get("members", 1)}
    print(json.dumps(line), flush=True)


def ready_as_text(ready: dict[str, Any]) -> None:
    """One line for people."""
    http = f", page at {ready['http']}" if ready.get("http") else ""
    print(f"{ready['name']} is ready (pid {os.getpid()}{http})", flush=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """asyncio's own loop, or uvloop's where FSM_WORKER_UVLOOP=1 asks for it and it is installed."""
    if os.environ.get("FSM_WORKER_UVLOOP") != "1":
        return None
    try:
        import uvloop
    except ImportError:
        print("FSM_WORKER_UVLOOP=1, but uvloop is not installed: pip install 'fsm-worker[uvloop]'", file=sys.stderr)
        raise typer.Exit(Exit.CONFIG) from None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
