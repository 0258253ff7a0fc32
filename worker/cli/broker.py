"""The verb `broker`: a real Kafka in the foreground, for a developer's machine."""

from __future__ import annotations

import json as json_module
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.exit_codes import Exit
from worker.embedded import EmbeddedKafka, EmbeddedKafkaError


def broker(
    json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free port.")] = 0,
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data here; without it, it goes when the broker ends.")] = None,
) -> None:
    """Run a real Apache Kafka until Ctrl-C or SIGTERM, and print its address.

    Example: fsm-worker broker --port 9092 --data-dir .kafka
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kafka = EmbeddedKafka(data_dir=data_dir, port=port)
    try:
        kafka.start()
        print(json_module.dumps({"bootstrap_servers": kafka.bootstrap}) if json else kafka.bootstrap, flush=True)
        failure = str(kafka.await_end())
    except KeyboardInterrupt:
        return
    except EmbeddedKafkaError as error:
        failure = str(error)
    finally:
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop_signal, signal.SIG_IGN)  # a second one must not leave the broker behind
        kafka.stop()
    print(failure, file=sys.stderr)
    raise typer.Exit(Exit.UNAVAILABLE)
