"""Chunks through several processes, the caller's among them."""

from __future__ import annotations

import asyncio
import pickle
import select
import time
from collections import deque

from fsm_core.errors import FsmError
from fsm_core.streams.children import Child
from fsm_core.streams.lines import Chunk
from fsm_core.streams.process import Blueprint, Done, Job

_AHEAD = 0.02
"""Seconds of work that another process should have before it, so that it is busy while the caller is not looking."""
_FEWEST, _MOST = 2, 8
"""Chunks that it has before it, where the window leaves one for the caller and one to be written."""
_LONG, _PATIENCE = 0.05, 3
"""Seconds for which the caller's loop may be kept by one chunk, and how many chunks in a row say that it is no accident."""


class Pool:
    """The caller's process takes a chunk when all others have enough; where one takes it long, another process does so instead."""

    def __init__(self, job: Job, blueprint: Blueprint, processes: int, window: int) -> None:
        _require_portable(blueprint)
        self._job, self._blueprint = job, blueprint
        self._loop = asyncio.get_running_loop()
        self._shares = not job.is_async
        self._long = 0
        self._most = max(1, min(_MOST, (window - 2) // (processes - self._shares)))
        self._ahead = min(self._most, _FEWEST)
        self._children: list[Child] = []
        self._queue: deque[tuple[Chunk, asyncio.Future[Done]]] = deque()
        self._poll = select.poll()
        self._by_pipe: dict[int, Child] = {}
        for _ in range(processes - self._shares):
            self._add()

    def _add(self) -> None:
        child = Child(self._job, self._blueprint, self._children)
        self._children.append(child)
        self._by_pipe[child.pipe] = child
        self._poll.register(child.pipe, select.POLLIN)
        self._loop.add_reader(child.pipe, self.collect)  # looks again: the result may have been taken since

    def start(self, chunk: Chunk) -> asyncio.Future[Done]:
        """A chunk on its way; or done already, here."""
        future: asyncio.Future[Done] = self._loop.create_future()
        child = min(self._children, key=lambda c: c.load)
        if child.has_room(chunk, self._ahead):
            child.start(chunk, future)
        elif self._shares:
            self._here(chunk, future)
        else:
            self._queue.append((chunk, future))
        return future

    def _here(self, chunk: Chunk, future: asyncio.Future[Done]) -> None:
        started = time.perf_counter()
        try:
            future.set_result(self._job.run(chunk))
        except Exception as error:  # noqa: BLE001 - whoever waits for the chunk raises it
            future.set_exception(error)
        taken = time.perf_counter() - started
        self._ahead = min(self._most, max(_FEWEST, int(_AHEAD / taken)))
        self._long = self._long + 1 if taken > _LONG else 0
        if self._long == _PATIENCE:
            self._shares = False
            self._add()

    def collect(self) -> None:
        """Take what is there, without a turn of the loop."""
        for pipe, _ in self._poll.poll(0):
            child = self._by_pipe[pipe]
            child.collect()
            if child.dead:
                self._forget(pipe)
        while self._queue and (free := min(self._children, key=lambda c: c.load)).has_room(self._queue[0][0], self._ahead):
            free.start(*self._queue.popleft())

    def _forget(self, pipe: int) -> None:
        del self._by_pipe[pipe]
        self._poll.unregister(pipe)
        self._loop.remove_reader(pipe)

    async def close(self) -> None:
        """End the processes."""
        for pipe in list(self._by_pipe):
            self._forget(pipe)
        for child in self._children:
            child.close()


def _require_portable(blueprint: Blueprint) -> None:
    """Also where a copy of this process would do: whether a stream runs must not hang on how many threads there are."""
    try:
        pickle.dumps(blueprint)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise FsmError(f"parallelism needs functions that can be imported by name: {error}") from error
