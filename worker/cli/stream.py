"""`fsm-worker stream`: a machine over a file, no broker needed."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import options
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from fsm_core.simple import AsyncSimpleFSM
    from fsm_core.streams import CoreStreamConfig, Progress
    from fsm_core.streams.stream import Request

INTERRUPTED = 130
"""What a shell says of a program that SIGINT ended; here only after everything that was read is written."""


def stream(
    machine: Annotated[Path, typer.Argument(metavar="MACHINE", help="A machine document.", exists=True, dir_okay=False, readable=True)],
    input: Annotated[str, typer.Argument(metavar="INPUT", help="A file of records, also .gz or .zst; - for standard input.")],
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="The file to write; - for standard output.")],
    parallelism: Annotated[int, typer.Option("--parallelism", "-p", min=1, help="Processes; the order is kept.")] = 1,
    chunk_size: Annotated[int, typer.Option("--chunk-size", min=1, help="Records of a chunk.")] = 1000,
    memory_limit_mb: Annotated[int | None, typer.Option("--memory-limit-mb", min=1, help="Resident memory, children included.")] = None,
    error_output: Annotated[str | None, typer.Option("--error-output", metavar="FILE", help="Where error ends go.")] = None,
    dead_letter: Annotated[str | None, typer.Option("--dead-letter", metavar="FILE", help="Where failed records go; default OUTPUT.dead.jsonl.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Append to OUTPUT.")] = False,
    input_format: Annotated[str, typer.Option("--input-format", help="jsonl, json, csv, tsv, txt; default: by the name.")] = "auto",
    output_format: Annotated[str, typer.Option("--output-format", help="As --input-format.")] = "auto",
    trust: Annotated[bool, typer.Option("--trust", help="Run as a trusted document.")] = False,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Override a param of the machine.")] = None,
    function: Annotated[list[str] | None, typer.Option("--function", metavar="NAME=MODULE:ATTR", help="A function that a safe machine may call.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Run every record of a file through a machine. Failed records are counted and kept; they do not fail the command.

    Example: fsm-worker stream orders.yaml orders.jsonl.gz clean.jsonl --parallelism 4
    """
    from fsm_core.errors import DocumentError, FsmError
    from fsm_core.simple import AsyncSimpleFSM
    from fsm_core.streams import CoreStreamConfig
    from fsm_core.streams.stream import Request

    try:
        fsm = AsyncSimpleFSM(str(machine), options.trusted(trust), options.functions(function), options.params(param))
        config = CoreStreamConfig(chunk_size=chunk_size, parallelism=parallelism, memory_limit_mb=memory_limit_mb)
        request = Request(input, output, error_output, dead_letter, append, input_format, output_format)
        summary, interrupted = asyncio.run(_run(fsm, request, config, show=sys.stderr.isatty()))
    except DocumentError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None
    except (FsmError, ValueError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from None
    print(json.dumps(summary) if json_ else _text(summary), file=sys.stderr if output == "-" and not json_ else sys.stdout)
    raise typer.Exit(INTERRUPTED if interrupted else Exit.OK)


async def _run(fsm: AsyncSimpleFSM, request: Request, config: CoreStreamConfig, show: bool) -> tuple[dict[str, Any], bool]:
    """The summary, and whether SIGINT ended the stream early."""
    from dataclasses import replace

    bar = _Bar() if show else None
    run = fsm.stream(replace(request, on_progress=bar.update if bar else None), config)
    interrupted: list[bool] = []

    def stop() -> None:
        interrupted.append(True)
        run.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
    with bar.shown if bar else nullcontext():
        return await run.run(), bool(interrupted)


class _Bar:
    """A progress bar on standard error, in bytes where the size is known."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Shown

        self.shown = Shown(BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn(),
                           console=Console(stderr=True))
        self._task = self.shown.add_task("", total=None)

    def update(self, progress: Progress) -> None:
        """Called after each chunk."""
        self.shown.update(self._task, total=progress.bytes_total, completed=progress.bytes_read or 0,
                          description=f"{progress.records_processed:,} records, {progress.records_per_second:,.0f}/s, "
                                      f"{progress.error_count:,} failed")


def _text(summary: dict[str, Any]) -> str:
    lines = [f"{summary['total_records']:,} records in {summary['duration']:.1f} s ({summary['throughput']:,.0f}/s): "
             f"{summary['successful']:,} successful, {summary['failed']:,} failed ({summary['rejected']:,} rejected, "
             f"{summary['malformed']:,} malformed), {summary['dropped']:,} dropped"]
    lines += [f"  {state}: {count:,}" for state, count in sorted(summary["by_state"].items())]
    lines += [f"  record {e['position']}: {e['reason']}: {e['message']}" for e in summary["errors"][:5]]
    return "\n".join(lines)
