"""`process_stream`: what the caller said, put together into a pipeline, and run so that no interruption loses anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fsm_core.engine.codec import JSON, TEXT
from fsm_core.streams.config import CoreStreamConfig
from fsm_core.streams.feeds import feed_of
from fsm_core.streams.formats import format_of
from fsm_core.streams.memory import MemoryLimit
from fsm_core.streams.parallel import Pool
from fsm_core.streams.pipeline import Pipeline
from fsm_core.streams.process import Blueprint, Job, MachineBlueprint, MachineJob, Plan, Recipe
from fsm_core.streams.progress import Progress
from fsm_core.streams.waiting import Bounds
from fsm_core.streams.writing import Writer, refuse_overlap, targets_of

if TYPE_CHECKING:
    from fsm_core.engine.machine import Machine

DEFAULT_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `process_stream`."""

    source: Any
    sink: Any = None
    error_sink: Any = None
    dead_letter: Any = None
    append: bool = False
    input_format: str = "auto"
    output_format: str = "auto"
    on_progress: Callable[[Progress], Any] | None = None


def config_of(chunk_size: int | None, config: CoreStreamConfig | None) -> CoreStreamConfig:
    """The limits that hold: a chunk size that was given wins over the configuration's."""
    if config is None:
        return CoreStreamConfig(chunk_size=DEFAULT_CHUNK if chunk_size is None else chunk_size)
    return config if chunk_size is None else replace(config, chunk_size=chunk_size)


class Stream:
    """One run of one request. `run` once; `stop` from anywhere in the loop ends it early and whole."""

    def __init__(self, machine: Machine, recipe: Recipe, request: Request, config: CoreStreamConfig) -> None:
        text = _is_text(request)
        memory = MemoryLimit(config.memory_limit_mb, config.chunk)
        refuse_overlap(request.source, targets_of(request.sink, request.error_sink, request.dead_letter))
        feed = feed_of(request.source, request.input_format,
                       Bounds(config.backpressure_threshold, config.max_wait, memory.chunk_bytes))
        try:
            writer = Writer(request.sink, request.error_sink, request.dead_letter, definition=machine.definition,
                            append=request.append, output_format=request.output_format, most=config.buffer_size)
            job, blueprint = self._jobs(machine, recipe, writer.plan, text)
            pool = Pool(job, blueprint, config.parallelism, config.window) if config.parallelism > 1 else None
            self._pipeline = Pipeline(feed, job, pool, writer, config, memory, request.on_progress)
        except BaseException:
            feed.abandon()
            raise

    def _jobs(self, machine: Machine, recipe: Recipe, plan: Plan, text: bool) -> tuple[Job, Blueprint]:
        recipe = recipe._replace(text=text)
        return MachineJob(machine.bind(failure_values=True, codec=TEXT if text else JSON), plan), MachineBlueprint(recipe, plan)

    def stop(self) -> None:
        """Read no more; `run` returns when what was read is written."""
        self._pipeline.stop()

    async def run(self) -> dict[str, Any]:
        """The summary. A cancellation is held back until the chunk in hand is written; a second one is not."""
        task = asyncio.create_task(self._pipeline.run())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stop()
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            raise
        return self.summary

    @property
    def summary(self) -> dict[str, Any]:
        """The counts so far."""
        return self._pipeline.tally.summary()


def _is_text(request: Request) -> bool:
    if not isinstance(request.source, str) and not hasattr(request.source, "__fspath__"):
        return False
    form = format_of(str(request.source), request.input_format)
    return form is not None and form.kind == "txt"
