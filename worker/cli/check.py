"""`fsm-worker check`: everything that is wrong with a machine or a worker file, without a broker."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import options
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from fsm_core.definition import Finding


def check(
    machine: Annotated[Path | None, typer.Argument(metavar="[MACHINE]", help="A machine document.", exists=True, dir_okay=False, readable=True)] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="A worker file: its rules and its machine.",
                                                exists=True, dir_okay=False, readable=True)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    trust: Annotated[bool, typer.Option("--trust", help="Check as a trusted document.")] = False,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Override a param of the machine.")] = None,
    function: Annotated[list[str] | None, typer.Option("--function", metavar="NAME=MODULE:ATTR", help="A function that a safe machine may call.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a machine, or a worker file together with its machine.

    Example: fsm-worker check -c worker.yaml --strict
    """
    if (machine is None) == (config is None):
        raise typer.BadParameter("give either MACHINE or -c FILE", param_hint="MACHINE")
    params, functions = options.params(param), options.functions(function)
    if config is not None:
        findings = of_worker(config, options.trusted(trust), functions, params)
    else:
        findings = of_machine(machine, options.trusted(trust), functions or None, params)  # without any, a `ref` is left to a worker file
    report(findings, json_)
    failing = {"error", "warning"} if strict else {"error"}
    raise typer.Exit(Exit.ERRORS if any(f.severity in failing for f in findings) else Exit.OK)


def of_machine(source: Any, trusted: bool, functions: dict[str, Any] | None, params: dict[str, Any]) -> list[Finding]:
    """The findings of one machine document; exit 2 where its file cannot be read."""
    from fsm_core.checks import check as check_machine

    try:
        return list(check_machine(source, trusted=trusted, functions=functions, params=params))
    except (OSError, UnicodeDecodeError) as error:
        print(f"{source}: cannot be read: {error}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None


def of_worker(path: Path, trust: bool, functions: dict[str, Any], params: dict[str, Any]) -> list[Finding]:
    """The findings of a worker file, of the machine that it names, and, once both are sound, of the two together."""
    from fsm_core import load
    from worker.config import ConfigError, load_config
    from worker.machines import import_functions

    try:
        loaded = load_config(path)
        functions = {**import_functions(loaded), **functions}
    except ConfigError as error:
        return list(error.findings)
    settings = loaded.config
    trusted, params = trust or settings.trust, {**settings.params, **params}
    found = of_machine(settings.machine, trusted, functions, params)
    findings = [*loaded.findings, *(map(loaded.placed, found) if isinstance(settings.machine, dict) else found)]
    if not any(f.severity == "error" for f in findings):
        machine = load(settings.machine, trusted=trusted, functions=functions, params=params)
        findings += loaded.check_machine(machine.definition)
    return findings


def report(findings: list[Finding], as_json: bool) -> None:
    """Print the findings, each with file:line:column, and their number."""
    if as_json:
        ok = not any(f.severity == "error" for f in findings)
        print(json.dumps({"ok": ok, "findings": [f.as_dict() for f in findings]}))
        return
    for finding in findings:
        print(_from_here(finding))
    counts = {s: sum(f.severity == s for f in findings) for s in ("error", "warning", "info")}
    said = [f"{n} {s}{'s' if n != 1 and s != 'info' else ''}" for s, n in counts.items() if n]
    print(", ".join(said if counts["error"] or counts["warning"] else ["ok", *said]))


def _from_here(finding: Finding) -> Finding:
    """Its file as one would type it here."""
    file, here = finding.mark.file, Path.cwd()
    if file is None or not Path(file).is_relative_to(here):
        return finding
    return replace(finding, mark=replace(finding.mark, file=str(Path(file).relative_to(here))))
