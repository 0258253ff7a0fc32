"""What verbs that ask the brokers of a worker file share: their options, and how what goes wrong becomes an exit code."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.exit_codes import Exit

Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The worker's YAML file.", exists=True, dir_okay=False, readable=True)]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key; the value is YAML.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settle(config: Path, sets: list[str] | None, work: Any) -> Any:
    """Run `work(loaded)`; configuration ends it with 78, an absent broker with 69, what must not go on with 1."""
    from fsm_core.errors import DocumentError
    from worker.config import ConfigError, load_config
    from worker.runtime.ports import Unavailable
    from worker.tools.redrive import Refusal

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say comes as an error
    servers = ""
    try:
        loaded = load_config(config, sets or ())
        servers = loaded.config.kafka.bootstrap_servers
        task: Coroutine[Any, Any, Any] = work(loaded)
        return asyncio.run(task)
    except (ConfigError, DocumentError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.CONFIG) from None
    except Unavailable as error:
        print(f"no answer of the broker at {servers}: {error}", file=sys.stderr)
        raise typer.Exit(Exit.UNAVAILABLE) from None
    except Refusal as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None
    except KeyError as error:
        print(f"topic {error.args[0]} does not exist at {servers}", file=sys.stderr)
        raise typer.Exit(Exit.CONFIG) from None
