"""`fsm-worker demo`: a broker, events, a worker and an audit in one command."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import Annotated

import typer

from worker.cli.exit_codes import Exit

PAGE_PORT = 9464


def demo(
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long to feed events.")] = 25,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The live page's port; 0: 9464 if it is free, else any.")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Start a real Kafka, feed orders with some trouble in them, run the worker, and audit that nothing was lost.

    Example: fsm-worker demo --seconds 10
    """
    from worker.demo.screen import JsonScreen, TextScreen
    from worker.demo.show import show
    from worker.demo.worker_process import WorkerFailed
    from worker.embedded.errors import EmbeddedKafkaError

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its warnings at shutdown are no news to the audience
    try:
        result = asyncio.run(show(seconds, port or page_port(), JsonScreen() if json_ else TextScreen()))
    except EmbeddedKafkaError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.UNAVAILABLE) from None
    except WorkerFailed as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None
    raise typer.Exit(Exit.OK if result.good else Exit.ERRORS)


def page_port() -> int:
    """The usual port if nobody has it, else 0: any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PAGE_PORT))
        except OSError:
            return 0
    return PAGE_PORT
