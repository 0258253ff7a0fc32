"""One process beside the caller's: takes chunks from a pipe, puts what became of them into another."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from fsm_core.errors import FsmError
from fsm_core.streams.lines import Chunk, Lines
from fsm_core.streams.process import Blueprint, Done, Job
from fsm_core.streams.serving import serve_blueprint, serve_job
from fsm_core.streams.wire import receive, send

_TASKS = "/proc/self/task"
_PIPE_BYTES = 1 << 20
_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_DIED = ("a process of the stream died (out of memory?), or the program does not guard its start "
         "with `if __name__ == '__main__'`")


class Child:
    """A process, the pipes to and from it, and who waits for its chunks: they come back in the order in which they went."""

    def __init__(self, job: Job, blueprint: Blueprint, others: Sequence[Child]) -> None:
        theirs, self._tasks = multiprocessing.Pipe(duplex=False)
        self._results, answers = multiprocessing.Pipe(duplex=False)
        self._room = _widen(self._tasks) // 2  # pages are not filled to the last byte
        _widen(answers)
        self._waiting: deque[tuple[asyncio.Future[Done], int]] = deque()
        self._up = False
        self.dead = False
        if may_fork(job):
            ours = [end for child in (*others, self) for end in (child._tasks, child._results)]
            self._process = _fork(job, theirs, answers, ours)
        else:
            self._process = multiprocessing.get_context("forkserver").Process(
                target=serve_blueprint, args=(blueprint, theirs, answers), daemon=True)
            self._process.start()
        theirs.close()
        answers.close()

    @property
    def pipe(self) -> int:
        """Readable when `collect` has something to take."""
        return self._results.fileno()

    @property
    def load(self) -> int:
        """Chunks that it has."""
        return len(self._waiting)

    def has_room(self, chunk: Chunk, most: int) -> bool:
        """Whether it takes one of `most` chunks without making the caller wait: it has none, or the pipe holds what it has not read."""
        if self.dead or (self._up and not self._waiting):
            return True
        return len(self._waiting) < most and sum(size for _, size in self._waiting) + _size(chunk) <= self._room

    def start(self, chunk: Chunk, future: asyncio.Future[Done]) -> None:
        """Send a chunk; `collect` resolves the future."""
        self._waiting.append((future, _size(chunk)))
        try:
            if isinstance(chunk, Lines):
                send(self._tasks.fileno(), chunk.text, chunk.data)
            else:
                send(self._tasks.fileno(), chunk)
        except OSError:
            self._die()

    def collect(self) -> None:
        """Take the next result; waits for what is missing of it."""
        try:
            answer, body = receive(self._results.fileno())
        except (EOFError, OSError):
            self._die()
            return
        if answer is None:
            self._up = True
            return
        future, _ = self._waiting.popleft()
        if future.done():  # cancelled meanwhile
            return
        if isinstance(answer, BaseException):
            future.set_exception(answer)
            return
        if answer.blob is not None:
            answer.blob = body
        future.set_result(answer)

    def _die(self) -> None:
        self.dead = True
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(FsmError(_DIED))

    def close(self) -> None:
        """End it: at once if it has chunks that nobody waits for any more."""
        self._tasks.close()
        if self._waiting:
            self._process.kill()
        self._results.close()
        self._process.join()
        self._process.close()


def may_fork(job: Job) -> bool:
    """Whether a copy of this process is as good as a new one: no thread holds anything, nothing is called that may."""
    return job.is_closed and os.path.isdir(_TASKS) and len(os.listdir(_TASKS)) == 1 and threading.active_count() == 1


def _fork(job: Job, tasks: Connection, results: Connection, ours: list[Connection]) -> BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=serve_job, args=(job, tasks, results, ours), daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until the copy has let go of this process's handlers
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process


def _widen(pipe: Connection) -> int:
    """Make a pipe as large as the system allows; the bytes it holds."""
    with contextlib.suppress(OSError, AttributeError):
        return fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return 64 * 1024


def _size(chunk: Chunk) -> int:
    return len(chunk.data) if isinstance(chunk, Lines) else sum(map(len, chunk)) + 64 * len(chunk)
