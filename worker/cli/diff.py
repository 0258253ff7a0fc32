"""`fsm-worker diff`: two machines over the same records."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import machines
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from fsm_core.explaining.comparing import Comparison, Example

CHUNK = 1000
CHUNK_BYTES = 4 << 20
Batch = tuple[Sequence[bytes], Callable[[int], Any] | None, Callable[[int], str]]
"""Values, their metas, and the place of each."""


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The machine as it is.", exists=True, dir_okay=False, readable=True)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The machine as it is to be.", exists=True, dir_okay=False, readable=True)],
    source: Annotated[str, typer.Option("--from", metavar="FILE|TOPIC", help="Records: a file as `stream` reads it, or a topic with -c or --bootstrap.")],
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="A worker file: its Kafka, functions, params and input format.",
                                                exists=True, dir_okay=False, readable=True)] = None,
    bootstrap: Annotated[str | None, typer.Option("--bootstrap", metavar="HOST:PORT", help="The Kafka of the topic.")] = None,
    examples: Annotated[int, typer.Option("--examples", min=0, help="So many records of each kind of difference.")] = 3,
    trust: machines.Trust = False,
    param: machines.Param = None,
    function: machines.Function = None,
    json_: machines.Json = False,
) -> None:
    """Run two machines over the same records, and say which records end differently and how.

    Example: fsm-worker diff machine.yaml machine.new.yaml --from orders.jsonl.gz
    """
    from fsm_core.engine.codec import JSON, TEXT
    from fsm_core.errors import FsmError
    from fsm_core.explaining.comparing import Comparison

    settings, given = _given(config, bootstrap, (old, new), trust, function, param)
    text = settings.input.format == "text" if settings is not None else _is_text(source)
    first, second = (machines.machine_of(one, json_).bind(failure_values=True, codec=TEXT if text else JSON) for one in given)
    comparison = Comparison(examples)
    batches = _of_file(source) if settings is None else _of_topic(settings, source)
    try:
        asyncio.run(_compare(first, second, batches, comparison))
    except FsmError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None
    if json_:
        print(json.dumps(comparison.as_dict(), default=repr))
    else:
        _print(comparison)


async def _compare(old: Any, new: Any, batches: AsyncIterator[Batch], comparison: Comparison) -> None:
    from worker.runtime.ports import Unavailable

    now = time.time()
    try:
        async for values, metas, at in batches:
            comparison.add(values, await old.run_async(values, metas, now), await new.run_async(values, metas, now), at)
    except Unavailable as error:
        print(f"no broker: {error}", file=sys.stderr)
        raise typer.Exit(Exit.UNAVAILABLE) from None


def _given(config: Path | None, bootstrap: str | None, paths: Sequence[Path], trust: bool, function: Sequence[str] | None,
           param: Sequence[str] | None) -> tuple[Any, list[machines.Given]]:
    """The worker's settings, those of a bare broker, or None (the records are in a file); and each machine with what it is given."""
    from worker.config import ConfigError, load_config
    from worker.config.models import DeadLetterConfig, InputConfig, KafkaConfig, WorkerConfig

    plain = [machines.given(path, trust, function, param) for path in paths]
    if config is None:
        return None if bootstrap is None else WorkerConfig(machine={"-": None}, kafka=KafkaConfig(bootstrap_servers=bootstrap),
                                                           input=InputConfig(topics=("-",)), dead_letter=DeadLetterConfig(topic="_")), plain
    try:
        loaded = load_config(config, [] if bootstrap is None else [f"kafka.bootstrap_servers={bootstrap}"])
        return loaded.config, [machines.of_worker(loaded, trust, one.functions, one.params, path) for one, path in zip(plain, paths, strict=True)]
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.CONFIG) from None


def _is_text(path: str) -> bool:
    from fsm_core.streams.formats import format_of

    form = format_of(path, "auto")
    return form is not None and form.kind == "txt"


async def _of_file(path: str) -> AsyncIterator[Batch]:
    from fsm_core.streams.feeds import feed_of
    from fsm_core.streams.waiting import Bounds

    try:
        feed = feed_of(path, "auto", Bounds(2 * CHUNK, 1.0, CHUNK_BYTES))
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}; a topic needs -c or --bootstrap", param_hint="--from") from None
    done = 0
    try:
        while chunk := await feed.take(CHUNK):
            values = chunk if isinstance(chunk, list) else chunk.records()
            yield values, None, lambda i, done=done: f"record {done + i}"  # type: ignore[misc]
            done += len(values)
            feed.release(len(values))
    finally:
        await feed.close()


async def _of_topic(settings: Any, topic: str) -> AsyncIterator[Batch]:
    from worker.kafka.settings import connection
    from worker.kafka.topic_reader import TopicReader
    from worker.tools.walking import meta_of

    async with TopicReader(connection(settings), settings.input.isolation) as reader:
        try:
            stretches = await reader.stretches([topic])
        except KeyError:
            print(f"topic {topic} does not exist", file=sys.stderr)
            raise typer.Exit(Exit.ERRORS) from None
        async for partition, records in reader.read(stretches):
            whole = [record for record in records if record.value is not None]
            if whole:
                yield ([record.value for record in whole], lambda i, p=partition, w=whole: meta_of(p, w[i]),  # type: ignore[misc]
                       lambda i, p=partition, w=whole: f"{p.topic}:{p.partition}:{w[i].offset}")  # type: ignore[misc]


def _print(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{comparison.records:,} records, {comparison.different:,} end differently")
    for (old, new), count in sorted(comparison.moved.items(), key=lambda item: -item[1]):
        what = f"{old} → {new}" if old != new else f"{old}, with another result"
        console.print(Text(f"{count:,}  {what}", "bold"))
        for example in comparison.examples[old, new]:
            _print_example(console, example)


def _print_example(console: Any, example: Example) -> None:
    from rich.text import Text

    from fsm_core.explaining.words import value

    console.print(Text(f"  {example.at}: {value(example.record, 160)}"))
    for name, side in (("old", example.old), ("new", example.new)):
        if side.message:
            console.print(Text(f"    {name}: {side.message}", "dim"))
    for change in example.changes:
        old = "" if change.kind == "added" else f" was {value(change.before, 80)}"
        new = "" if change.kind == "removed" else f" = {value(change.after, 80)}"
        console.print(Text(f"    {change.path}{new}{old}", {"added": "green", "removed": "red"}.get(change.kind, "yellow")))
