"""`fsm-worker health`: asks a running worker's probes, with nothing but the standard library, for container health checks."""

from __future__ import annotations

import json as json_module
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from worker.config import HttpConfig

DEFAULT_PORT = 9464
ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a worker on every address is asked


def health(
    url: Annotated[str, typer.Option(help="Address of the worker, such as http://127.0.0.1:9464.")] = "",
    host: Annotated[str, typer.Option(help="Host of the worker.", envvar="FSM_WORKER__HTTP__HOST")] = "",
    port: Annotated[int, typer.Option(help="Port of the worker.", envvar="FSM_WORKER__HTTP__PORT")] = 0,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="Take host and port from this configuration.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask only whether the loop makes progress.")] = False,
    ready: Annotated[bool, typer.Option("--ready", help="Ask only whether it is assigned and consuming.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 3.0,
) -> None:
    """Ask a running worker whether it is live and ready; exit 1 if it is not or cannot be reached.

    Example: fsm-worker health --live --port 9464
    """
    address = url.rstrip("/") or _address(host, port, config)
    probes = [name for name, wanted in (("live", live), ("ready", ready)) if wanted] or ["live", "ready"]
    answers = {name: probe(f"{address}/{name}z", timeout) for name in probes}
    ok = all(passed for passed, _ in answers.values())
    if json:
        checks = {name: {"ok": passed, "message": message} for name, (passed, message) in answers.items()}
        typer.echo(json_module.dumps({"ok": ok, "url": address, **checks}))
    else:
        for name, (passed, message) in answers.items():
            typer.echo(f"{name}: {'ok' if passed else message}")
    raise typer.Exit(0 if ok else 1)


def probe(url: str, timeout: float) -> tuple[bool, str]:
    """Whether `url` answers 200, and what it said or why it could not be asked. Proxies are not used."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout) as answer:
            return answer.status == 200, answer.read(4096).decode("utf-8", "replace").strip()
    except urllib.error.HTTPError as error:
        return False, error.read(4096).decode("utf-8", "replace").strip() or f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return False, f"{url} cannot be reached: {getattr(error, 'reason', error)}"


def _section(file: Path) -> HttpConfig:
    from worker.config import ConfigError, load_config  # noqa: PLC0415 - only -c pays for reading the configuration

    try:
        return load_config(file).config.http
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.CONFIG) from None


def _address(host: str, port: int, config: Path | None) -> str:
    if config is not None:
        section = _section(config)
        host, port = host or section.host, port or section.port
    host = ANYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port or DEFAULT_PORT}"
