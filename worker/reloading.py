"""Hot swap: the machine is read again, judged on a thread of its own, and takes over between slices; when anything is wrong the old one stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Protocol, TypeVar

import structlog

from worker.machines import Prepared
from worker.runtime.observation import Counters, MachineView
from worker.runtime.processing import Active

log = structlog.get_logger(__name__)
RELOAD_SECONDS = 60.0
WATCH_SECONDS = 1.0
T = TypeVar("T")


class ReloadRefused(Exception):
    """The machine was not replaced; the message says why."""


class Running(Protocol):
    """Who runs the machine: each slice asks for `active` once."""

    active: Active
    machine: MachineView
    counters: Counters


async def on_a_thread(work: Callable[[], T], seconds: float) -> T:
    """What `work` answers or raises. A daemon thread: a machine's test that never ends must hold neither the loop nor the exit."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[tuple[T] | BaseException] = loop.create_future()

    def settle(answer: tuple[T] | BaseException) -> None:
        if not answered.done():
            answered.set_result(answer)

    def run() -> None:
        try:
            answer: tuple[T] | BaseException = (work(),)
        except BaseException as error:  # noqa: BLE001 - trusted code raises what it pleases, SystemExit too
            answer = error
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
            loop.call_soon_threadsafe(settle, answer)

    threading.Thread(target=run, name="reload", daemon=True).start()
    answer = await asyncio.wait_for(answered, seconds)
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, BaseException):
        raise RuntimeError(f"{type(answer).__name__}: {answer}")
    return answer[0]


class Reloader:
    """One reload at a time. `prepare` may take long and runs off the loop; `missing` names topics that are not there any more."""

    def __init__(self, running: Running, prepare: Callable[[], Prepared], missing: Callable[[], Awaitable[Collection[str]]],
                 seconds: float = RELOAD_SECONDS) -> None:
        self._running, self._prepare, self._missing, self._seconds = running, prepare, missing, seconds
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._asked: set[asyncio.Task[None]] = set()

    def ask(self) -> None:
        """Reload soon; what comes of it is logged and counted. One that has not begun yet serves for all that are asked for."""
        if not self._asked or not self._waiting:
            task = asyncio.create_task(self._quietly(), name="reload")
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    async def reload(self) -> None:
        """Reload now; raises ReloadRefused when the old machine stays."""
        self._waiting += 1
        try:
            await self._one_at_a_time.acquire()
        finally:
            self._waiting -= 1
        try:
            await self._replace()
        finally:
            self._one_at_a_time.release()

    async def _quietly(self) -> None:
        with contextlib.suppress(ReloadRefused):  # logged where it was refused
            await self.reload()

    async def _replace(self) -> None:
        running = self._running
        try:
            prepared = await on_a_thread(self._prepare, self._seconds)
            if missing := await self._missing():
                raise ReloadRefused(f"topics that it writes are not there: {', '.join(sorted(missing))}")
        except TimeoutError:
            self._refuse(f"it could not be judged within {self._seconds:g} s")
        except Exception as error:  # noqa: BLE001 - trusted code is run by loading and raises what it pleases
            self._refuse(str(error) or type(error).__name__)
        old, running.active, running.machine = running.machine, prepared.active, prepared.view
        running.counters.reloads["ok"] += 1
        log.info("reloaded", machine=running.machine.name, version=running.machine.version, digest=running.machine.digest,
                 old_version=old.version, old_digest=old.digest)

    def _refuse(self, why: str) -> None:
        self._running.counters.reloads["failed"] += 1
        log.error("reload refused, the old machine stays", error=why, version=self._running.machine.version, digest=self._running.machine.digest)
        raise ReloadRefused(f"the old machine stays: {why}")

    def close(self) -> None:
        """Forget what was asked for."""
        for task in list(self._asked):
            task.cancel()


Signature = tuple[int, int, int, int] | None


def signature_of(file: str | os.PathLike[str]) -> Signature:
    """What tells a file from its successor, symlinks followed; None when it is not there or may not be looked at."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


class Watch:
    """Asks once a second which file the machine's path leads to. A change counts when it is the same at two looks: what is half written is left."""

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self._file = file
        self._known = self._last = signature_of(file)

    async def run(self, changed: Callable[[], None]) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with contextlib.suppress(TimeoutError):  # a file system that does not answer: asked again
                if self.settled(await on_a_thread(partial(signature_of, self._file), 10 * WATCH_SECONDS)):
                    log.info("the machine's file changed", file=os.fspath(self._file))
                    changed()

    def settled(self, seen: Signature) -> bool:
        """After one look: it is another file, for the second time in a row."""
        new = seen == self._last != self._known
        self._last = seen
        if new:
            self._known = seen
        return new
