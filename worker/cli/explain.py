"""`fsm-worker explain`: one record through a machine, step by step."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import machines, options
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from fsm_core.engine.machine import Machine
    from fsm_core.explaining import Story, Visit


def explain(
    machine: Annotated[Path | None, typer.Argument(metavar="[MACHINE]", help="A machine document.", exists=True, dir_okay=False, readable=True)] = None,
    record: Annotated[str | None, typer.Option("--record", metavar="JSON|@FILE", help="The record; @- reads standard input.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="A worker file: its machine, its Kafka.",
                                                exists=True, dir_okay=False, readable=True)] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TOPIC:PARTITION:OFFSET", help="Read the record there; goes with -c.")] = None,
    now: Annotated[str | None, typer.Option("--now", metavar="TIME", help="The time that state.now says: ISO 8601, or seconds since 1970.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page, too.")] = None,
    call: Annotated[list[str] | None, typer.Option("--call", metavar="NAME=ANSWER", help="What a function from outside answers: {return: …} or {raise: TimeoutError}.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Print the generated code.")] = False,
    trust: machines.Trust = False,
    param: machines.Param = None,
    function: machines.Function = None,
    json_: machines.Json = False,
) -> None:
    """Show what a machine does to one record: what each state changes, each guard with its value, the way, the failure.

    Example: fsm-worker explain orders.yaml --record '{"id": 1, "qty": 2}'
    """
    if (machine is None) == (config is None):
        raise typer.BadParameter("give either MACHINE or -c FILE", param_hint="MACHINE")
    calls, moment = options.answers(call), options.moment(now)
    if config is not None:
        built, value, meta = _from_worker(config, at, record, trust, options.functions(function), options.params(param), calls)
    elif at is not None or (record is None and not source):
        raise typer.BadParameter("give --record with MACHINE, or -c FILE with --at", param_hint="--record")
    else:
        assert machine is not None  # one of the two is given
        built, value, meta = _answering(machines.given(machine, trust, function, param), calls, json_), _read(record), None
    if value is None:
        _print_source(built, json_)
        return
    _tell(built, _record(value), meta, moment, html, source, json_)


def _tell(machine: Machine, record: dict[str, Any], meta: Any, now: float | None, html: Path | None, source: bool, as_json: bool) -> None:
    from fsm_core.casebook import Unanswered
    from fsm_core.engine.protocol import perform_at_once
    from fsm_core.explaining import story_of

    try:
        steps = machine.explain(record, meta, now, answer=perform_at_once)
    except Unanswered as error:
        print(f"the record comes to the function '{error.name}': say what it answers, --call {error.name}='{{return: …}}'", file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None
    story = story_of(machine.definition, record, steps, machine.why_not_fused)
    if html is not None:
        from fsm_core.explaining.page import page

        machines.write(page(story, machine.source), html)
    if as_json:
        print(json.dumps({**story.as_dict(), **({"source": machine.source} if source else {})}, default=repr))
        return
    print_story(story)
    if source:
        _print_source(machine, as_json)


def _answering(given: machines.Given, calls: dict[str, dict[str, Any]], as_json: bool = False) -> Machine:
    """The machine; functions that are not there, that may wait, or that `--call` speaks of, answer what it says and are not called."""
    from fsm_core.casebook import is_whole, with_answers
    from fsm_core.engine.machine import Machine

    definition = machines.outline_of(given, as_json)
    if not calls and is_whole(definition) and not (machine := Machine(definition)).is_async:
        return machine
    return Machine(with_answers(definition, calls))


def _read(record: str | None) -> bytes | None:
    if record is None:
        return None
    try:
        if record == "@-":
            return sys.stdin.buffer.read()
        return Path(record[1:]).read_bytes() if record.startswith("@") else record.encode()
    except OSError as error:
        raise typer.BadParameter(f"{record[1:]} cannot be read: {error.strerror}", param_hint="--record") from None


def _record(value: bytes) -> dict[str, Any]:
    from fsm_core.engine.codec import Malformed, decode

    try:
        return decode(value)
    except Malformed as error:
        several = len(value.splitlines()) > 1
        print(f"the record is malformed, as the worker would say of it: {error}{'; --record takes one record' if several else ''}", file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None


def _from_worker(path: Path, at: str | None, record: str | None, trust: bool, functions: dict[str, Any],
                 params: dict[str, Any], calls: dict[str, dict[str, Any]]) -> tuple[Machine, bytes | None, Any]:
    from worker.config import ConfigError, load_config

    try:
        loaded = load_config(path)
        given = machines.of_worker(loaded, trust, functions, params)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.CONFIG) from None
    settings = loaded.config
    built = _answering(given, calls)
    if at is None:
        return built, _read(record), None
    from worker.cli.records import record_at

    value, meta = record_at(settings, at)
    if settings.input.format == "text":
        value = json.dumps({"line": value.decode("utf-8", "replace")}).encode()
    return built, value, meta


def _print_source(machine: Machine, as_json: bool) -> None:
    """The generated code; on a terminal in colours."""
    text = machine.source or "# nothing is generated: this machine runs by the interpreter\n"
    if as_json:
        print(json.dumps({"source": machine.source, "unfused": machine.why_not_fused}))
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(text, "python", line_numbers=True))
    else:
        print(text)


def print_story(story: Story) -> None:
    """On the terminal."""
    from rich.console import Console
    from rich.text import Text

    from fsm_core.explaining.words import end_line, fan_out_line, meaning_line, sent_line

    console = Console(soft_wrap=True, highlight=False)
    console.print(_titled(story.machine, "bold", story.description))
    for visit in story.visits:
        _print_visit(console, visit)
    style = "bold red" if story.failure is not None else "bold green" if story.outcome == "output" else "bold"
    console.print(Text(end_line(story.end, story.outcome, story.failure), style))
    for told in filter(None, (meaning_line(story.failure), fan_out_line(story))):
        console.print(Text(f"    {told}"))
    for sent in story.sent:
        console.print(Text(f"    {sent_line(sent)}"))
    for state, why in story.unfused:
        console.print(Text(f"not fused: {state}: {why}", "dim"))


def _titled(name: str, style: str, description: str) -> Any:
    """A name with what it is for; without colours, too, one can tell them apart."""
    from rich.text import Text

    return Text.assemble((name, style), (f": {description}" if description else "", "dim"))


def _print_visit(console: Any, visit: Visit) -> None:
    from rich.text import Text

    from fsm_core.explaining.words import failure_line, value

    console.print(_titled(f"● {visit.state}", "bold cyan", visit.description))
    for name, of in visit.lets.items():
        console.print(Text(f"    let {name} = {value(of)}", "dim"))
    for change in visit.changes:
        match change.kind:
            case "added":
                console.print(Text(f"    + {change.path} = {value(change.after)}", "green"))
            case "removed":
                console.print(Text(f"    - {change.path} (was {value(change.before)})", "red"))
            case _:
                console.print(Text(f"    ~ {change.path} = {value(change.after)} (was {value(change.before)})", "yellow"))
    if visit.children is not None:
        console.print(Text(f"    {visit.children} records go on from here, each on its own"))
    if visit.error is not None:
        console.print(Text(f"    ! {failure_line(visit.error)}", "red"))
    for guard in visit.guards:
        console.print(Text(f"    ? {guard.condition}  is {value(guard.value)}"), Text(f"({guard.arc})", "dim"))
    if visit.to is not None:
        console.print(Text(f"    → {visit.to}"))
