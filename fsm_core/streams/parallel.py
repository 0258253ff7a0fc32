"""Chunks through several processes, results in the order of the chunks."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, NamedTuple

from fsm_core.errors import FsmError
from fsm_core.streams.process import Done, Plan, process, process_async
from fsm_core.streams.values import encoded

if TYPE_CHECKING:
    from fsm_core.engine.machine import Machine


class Recipe(NamedTuple):
    """How a process makes the machine; functions must be importable by name to get there."""

    source: Any
    trusted: bool | None
    functions: Any
    params: Any
    text: bool

    def machine(self) -> Machine:
        """The machine, bound as streams want it."""
        from fsm_core.loading import load  # here, so that a process pays for it when it starts

        made: Machine = load(self.source, self.trusted, self.functions, self.params)
        return made.bind(failure_values=True, text=self.text)


class Here:
    """The caller's own process."""

    def __init__(self, machine: Machine, plan: Plan) -> None:
        self._machine, self._plan = machine, plan

    async def run(self, items: list[Any]) -> Done:
        """One chunk."""
        if self._machine.is_async:
            return await process_async(self._machine, items, self._plan)
        return process(self._machine, items, self._plan)

    async def close(self) -> None:
        """Nothing to end."""


class Pool:
    """Other processes; `run` may be called again before an earlier call is done."""

    def __init__(self, given: tuple[Any, ...], processes: int, start: Callable[..., None] | None = None,
                 chunk: Callable[[list[Any]], Done] | None = None) -> None:
        """`start(*given)` is called once in each process, `chunk(items)` for every chunk; by default of one machine."""
        context = multiprocessing.get_context("forkserver")
        self._chunk = chunk or _chunk
        self._executor = ProcessPoolExecutor(processes, context, _begin, (start or _start, given))

    async def run(self, items: list[Any]) -> Done:
        """One chunk, in whichever process is free."""
        kinds = set(map(type, items))
        joined: bytes | list[Any] = items if kinds != {bytes} else b"\n".join(items)
        if kinds == {bytes} and joined.count(b"\n") != len(items) - 1:
            joined = items  # elements of an array may span lines
        elif dict in kinds:
            joined = [encoded(item) for item in items]
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, _split, self._chunk, joined)
        except BrokenProcessPool as error:
            raise FsmError("a process of the stream died (out of memory?), or the program does not guard its start "
                           "with `if __name__ == '__main__'`") from error

    async def close(self) -> None:
        """End the processes."""
        self._executor.shutdown(wait=True, cancel_futures=True)


_worker: list[tuple[Machine, Plan]] = []  # a process's one machine: a pool's tasks have no other place for it


def _begin(start: Callable[..., None], given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's process decides when to end
    start(*given)


def _split(chunk: Callable[[list[Any]], Done], joined: bytes | list[Any]) -> Done:
    return chunk(joined.split(b"\n") if isinstance(joined, bytes) else joined)


def _start(recipe: Recipe, plan: Plan) -> None:
    _worker[:] = [(recipe.machine(), plan)]


def _chunk(items: list[Any]) -> Done:
    machine, plan = _worker[0]
    if machine.is_async:
        return asyncio.run(process_async(machine, items, plan))
    return process(machine, items, plan)
