"""`fsm-worker dlq`: look at dead letters, and bring them back."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.asking import Config, Json, Sets, settle
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from worker.config.load import LoadedConfig
    from worker.tools.letters import Letter, Wanted

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode="markdown",
                  help="Dead letters: list, show, explain, redrive, purge.\n\nExample: fsm-worker dlq list -c worker.yaml --reason validate")

Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only this reason; may be repeated.")]
States = Annotated[list[str] | None, typer.Option("--state", help="Only those that died in this state; may be repeated.")]
Key = Annotated[str | None, typer.Option("--key", help="Only this key; `\\xff` stands for a byte that is no text.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only those that died at or after: ISO 8601, or an age such as 2h.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only those that died before: ISO 8601, or an age such as 2h.")]
Partitions = Annotated[list[int] | None, typer.Option("--partition", help="Only this partition of the dead-letter topic; may be repeated.")]
At = Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="Where it stands, as `list` shows it (with or without the topic).")]


def key_of(text: str | None) -> bytes | None:
    """The bytes of a key as `list` shows it."""
    return None if text is None else re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())


def moment(text: str | None, option: str) -> int | None:
    """Milliseconds of a point in time: ISO 8601 (UTC where it names no zone), or an age."""
    from datetime import UTC, datetime

    from worker.config.units import parse_duration

    if text is None:
        return None
    try:
        return int((time.time() - parse_duration(text)) * 1000)
    except ValueError:
        pass  # then it is a date
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a time such as 2026-01-31T12:00:00 nor an age such as 2h", param_hint=option) from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def wanted_of(reasons: list[str] | None, states: list[str] | None, key: str | None, since: str | None, until: str | None,
              partitions: list[int] | None) -> Wanted:
    """The filter that the options make; a reason that there is none of is a usage error."""
    from fsm_core.engine.batch import REASONS
    from worker.tools.letters import Wanted

    for reason in reasons or ():
        if reason not in REASONS:
            raise typer.BadParameter(f"{reason!r} is none of {', '.join(REASONS)}", param_hint="--reason")
    return Wanted(reasons or (), states or (), key_of(key), moment(since, "--since"), moment(until, "--until"), partitions or ())


async def letters_of(loaded: LoadedConfig, wanted: Wanted) -> AsyncGenerator[Letter, None]:
    """Every dead letter that is wanted, as the topic is now; one fetch in memory. Raises Refusal for a partition that is not there."""
    from worker.kafka.settings import connection
    from worker.kafka.topic_reader import TopicReader
    from worker.tools.letters import Letter
    from worker.tools.redrive import Refusal

    config = loaded.config
    async with TopicReader(connection(config)) as reader:
        stretches = await reader.stretches([config.dead_letter.topic])
        if missing := set(wanted.partitions) - {p.partition for p in stretches}:
            raise Refusal(f"topic {config.dead_letter.topic} has no partition {min(missing)}")
        if wanted.partitions:
            stretches = {p: s for p, s in stretches.items() if p.partition in wanted.partitions}
        async for partition, records in reader.read(stretches):
            for record in records:
                letter = Letter.of(partition, record)
                if letter in wanted:
                    yield letter


async def letter_at(loaded: LoadedConfig, at: str) -> Letter:
    """One dead letter; exit 2 for an address that is none, 1 where none stands."""
    from worker.kafka.settings import connection
    from worker.kafka.topic_reader import TopicReader
    from worker.runtime.ports import Partition
    from worker.tools.letters import Letter

    numbers = at.rsplit(":", 2)[-2:]
    if len(numbers) != 2 or not all(n.isdecimal() for n in numbers):
        raise typer.BadParameter(f"{at!r} is not PARTITION:OFFSET", param_hint="PARTITION:OFFSET")
    partition = Partition(loaded.config.dead_letter.topic, int(numbers[0]))
    if at.count(":") > 1 and at.rsplit(":", 2)[0] != partition.topic:
        raise typer.BadParameter(f"the dead letters of this worker are in {partition.topic}", param_hint="PARTITION:OFFSET")
    async with TopicReader(connection(loaded.config)) as reader:
        record = await reader.one(partition, int(numbers[1]))
    if record is None:
        print(f"no record at {partition.topic}:{at.removeprefix(partition.topic + ':')}", file=sys.stderr)
        raise typer.Exit(Exit.ERRORS)
    return Letter.of(partition, record)


@app.command("list")
def list_(config: Config, reason: Reasons = None, state: States = None, key: Key = None, since: Since = None, until: Until = None,
          partition: Partitions = None, limit: Annotated[int, typer.Option(help="Stop after so many; 0 is all.")] = 0,
          count: Annotated[bool, typer.Option("--count", help="Only how many, by reason and state.")] = False, sets: Sets = None, json_: Json = False) -> None:
    """List dead letters, one a line (with --json one JSON object a line), and where each stands.

    Example: fsm-worker dlq list -c worker.yaml --reason validate --since 2h
    """
    from worker.tools.letters import Wanted

    wanted = wanted_of(reason, state, key, since, until, partition)

    async def work(loaded: LoadedConfig) -> None:
        counts: Counter[tuple[str, str]] = Counter()
        async with aclosing(letters_of(loaded, wanted)) as letters:
            async for letter in letters:
                counts[letter.reason, letter.told.get("fsm.state", "")] += 1
                if not count:
                    print(json.dumps(letter.as_dict()) if json_ else letter.line())
                if limit and counts.total() >= limit:
                    break
        if count:
            _counts(counts, json_)
        elif not counts:
            print("no dead letters" + ("" if wanted == Wanted() else " that fit"), file=sys.stderr)

    settle(config, sets, work)


def _counts(counts: Counter[tuple[str, str]], as_json: bool) -> None:
    rows = [{"reason": reason, "state": state or None, "count": n} for (reason, state), n in sorted(counts.items())]
    if as_json:
        print(json.dumps({"total": counts.total(), "counts": rows}))
        return
    for row in rows:
        print(f"{row['count']:>10,} {row['reason'] or '?'}{' in ' + str(row['state']) if row['state'] else ''}")
    print(f"{counts.total():>10,} dead letter{'' if counts.total() == 1 else 's'}")


@app.command()
def show(at: At, config: Config, sets: Sets = None, json_: Json = False) -> None:
    """Show one dead letter: its headers and its value.

    Example: fsm-worker dlq show 0:42 -c worker.yaml
    """
    from worker.tools.letters import pretty, printable, text_of

    letter = settle(config, sets, lambda loaded: letter_at(loaded, at))
    if json_:
        print(json.dumps(letter.whole()))
        return
    print(f"{letter.line()}\nheaders:")
    for name, value in letter.headers:
        print(printable(f"  {name}: {text_of(value)}" if value is not None else f"  {name} (no value)"))
    print(f"value ({len(letter.value or b'')} bytes):\n{pretty(letter.value)}")


@app.command()
def explain(at: At, config: Config, sets: Sets = None, json_: Json = False) -> None:
    """Walk one dead letter through today's machine, and say what would become of it; functions from outside are called.

    Example: fsm-worker dlq explain 0:42 -c worker.yaml
    """
    from fsm_core.explaining import story_of
    from worker.cli.explain import print_story
    from worker.tools import sessions, walking
    from worker.tools.letters import printable

    async def work(loaded: LoadedConfig) -> tuple[Letter, Any, Any]:
        letter, site = await letter_at(loaded, at), await sessions.visit(loaded)
        if letter.source is None:
            print(f"{letter.at} does not say where it came from: no worker wrote it", file=sys.stderr)
            raise typer.Exit(Exit.ERRORS)
        return letter, site.machine, await walking.explain(site.active, site.config.input.format == "text", letter, time.time())

    letter, machine, verdict = settle(config, sets, work)
    then = {"reason": letter.reason, "state": letter.told.get("fsm.state"), "message": letter.told.get("fsm.error.message"),
            "digest": letter.told.get("fsm.machine.digest")}
    if json_:
        print(json.dumps({"at": letter.at, "then": then, "now": verdict.as_dict()}, default=repr))
        return
    print(letter.at)
    print(printable(f"then: {then['reason']}{' in ' + then['state'] if then['state'] else ''}: {then['message'] or ''}"))
    if verdict.steps:
        print_story(story_of(machine.definition, verdict.record, verdict.steps))
    why = verdict.failure
    state = f" in {why['state']}" if why and why["state"] else ""
    print(printable(f"now: {verdict.outcome}" + (f": {why['reason']}{state}: {why['message']}" if why else "")))
    for sent in verdict.sent:
        print(printable(f"  to {sent['topic']}:{sent['partition']}: {sent['value']}"))


@app.command()
def redrive(config: Config, reason: Reasons = None, state: States = None, key: Key = None, since: Since = None, until: Until = None,
            partition: Partitions = None, yes: Annotated[bool, typer.Option("--yes", "--execute", help="Do it; without it nothing is sent.")] = False,
            through: Annotated[bool, typer.Option("--through", help="Through the machine straight to its outputs, not to the source topic.")] = False,
            rate: Annotated[float, typer.Option(min=0, help="Letters a second; 0 is no limit.")] = 1000.0,
            max_redrives: Annotated[int, typer.Option(min=1, help="Leave letters that went back so often.")] = 5,
            group: Annotated[str, typer.Option(help="The group that remembers what went back; the worker's with .redrive if not given.")] = "",
            sets: Sets = None, json_: Json = False) -> None:
    """Send the originals of dead letters back, once each and in their order; run it again to go on after an interruption.

    Example: fsm-worker dlq redrive -c worker.yaml --reason validate --yes
    """
    from worker.tools import redriving
    from worker.tools.redrive import Plan

    wanted = wanted_of(reason, state, key, since, until, partition)
    report = settle(config, sets, lambda loaded: redriving.redrive(loaded, Plan(wanted, rate, max_redrives), yes, through, group))
    print(json.dumps(report.as_dict()) if json_ else report)


@app.command()
def purge(config: Config, before: Annotated[list[str] | None, typer.Option("--before", metavar="[PARTITION:]OFFSET", help=(
        "Delete what stands before this offset; `end` is everything that is there now; may be repeated."))] = None,
          yes: Annotated[bool, typer.Option("--yes", "--execute", help="Do it; without it nothing is deleted.")] = False,
          sets: Sets = None, json_: Json = False) -> None:
    """Delete the oldest dead letters of the topic's partitions, after showing what.

    Example: fsm-worker dlq purge -c worker.yaml --before 0:1200 --yes
    """
    from worker.tools import purging

    if not before:
        raise typer.BadParameter("say up to where: 0:1200, 1200 (every partition), or end", param_hint="--before")
    for text in before:
        if not all(part == "end" or part.isdecimal() for part in text.split(":")) or text.count(":") > 1 or text.startswith("end:"):
            raise typer.BadParameter(f"{text!r} is not [PARTITION:]OFFSET", param_hint="--before")
    report = settle(config, sets, lambda loaded: purging.purge(loaded, before, yes))
    print(json.dumps(report.as_dict()) if json_ else report)
