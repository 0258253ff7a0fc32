"""Threads for functions of the host that are not async: one a call, so that no slow one waits for another, and none holds the exit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CallThreads(ThreadPoolExecutor):
    """asyncio's default executor for a worker. A pool of few threads would let one lane's slow calls stop every lane; and what
    hangs in a pool's thread is waited for at the end of the process, long after the drain's deadline."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin the call at once."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                answer = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it is the caller's answer
                future.set_exception(error)
            else:
                future.set_result(answer)

        threading.Thread(target=run, name="call", daemon=True).start()
        return future
