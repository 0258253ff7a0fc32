"""What a process beside the caller's does: chunks in, what became of them out, until the caller's pipe is closed."""

from __future__ import annotations

import asyncio
import pickle
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

from fsm_core.errors import FsmError
from fsm_core.streams.lines import Chunk, Lines
from fsm_core.streams.process import Blueprint, Done, Job
from fsm_core.streams.wire import receive, send


def serve_job(job: Job, tasks: Connection, results: Connection, callers: list[Connection]) -> None:
    """In a copy of the caller's process: without its handlers and its ends of the pipes."""
    signal.set_wakeup_fd(-1)
    _deafen()
    for end in callers:
        end.close()
    _serve(job, tasks, results)


def serve_blueprint(blueprint: Blueprint, tasks: Connection, results: Connection) -> None:
    """In a new process. A job that cannot be made answers every chunk with the reason."""
    _deafen()
    try:
        job = blueprint.job()
    except Exception as error:  # noqa: BLE001 - the caller gets it
        _answer(partial(_refuse, error), tasks, results)
    else:
        _serve(job, tasks, results)


def _deafen() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's process decides when to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _serve(job: Job, tasks: Connection, results: Connection) -> None:
    if not job.is_async:
        _answer(job.run, tasks, results)
        return
    with asyncio.Runner() as runner:
        _answer(lambda chunk: runner.run(job.run_async(chunk)), tasks, results)


def _answer(run: Callable[[Chunk], Done], tasks: Connection, results: Connection) -> None:
    try:
        send(results.fileno(), None)  # it is up
        while True:
            head, data = receive(tasks.fileno())
            chunk = head if isinstance(head, list) else Lines(data, head)
            try:
                done = run(chunk)
            except Exception as error:  # noqa: BLE001 - the caller raises it
                send(results.fileno(), _portable(error))
            else:
                blob, done.blob = done.blob, None if done.blob is None else b""
                send(results.fileno(), done, blob or b"")
    except (EOFError, BrokenPipeError):
        return  # the caller is done, or gone


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an exception's own pickling may raise anything
        return FsmError(repr(error))
    return error


def _refuse(error: Exception, chunk: Chunk) -> Done:
    raise error
