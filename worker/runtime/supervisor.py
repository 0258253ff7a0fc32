"""A member's life from the first connection to its exit code: start, watch, reload, drain; and what others may see of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import structlog

from worker.delivery.backoff import Backoff
from worker.delivery.guarantee import Guarantee
from worker.runtime.backpressure import Limits
from worker.runtime.member import Member, NoOffset
from worker.runtime.observation import Counters, MachineView, PartitionView
from worker.runtime.ports import Consumer, Unavailable
from worker.runtime.processing import Active
from worker.runtime.reader import Reader
from worker.runtime.watchdog import Watchdog

log = structlog.get_logger(__name__)
_READER_SECONDS = 2.0
_DRAIN_SHARE = 0.85  # of the deadline; the rest is for the clients' own ends
_UNREADY_SECONDS = 30.0


class Ending(IntEnum):
    """How a worker ended, as its exit code."""

    DONE = 0
    INTERNAL = 70
    DRAIN_TIMEOUT = 75
    CONFIG = 78
    HALTED = 79


class Supervisor:
    """See `WorkerView` for what may be asked of it while it runs."""

    def __init__(self, name: str, topics: Sequence[str], consumer: Consumer, guarantee: Guarantee, member: Callable[[Supervisor], Member],
                 counters: Counters, active: Active, machine: MachineView, commit_interval: float, backoff: Callable[[], Backoff]) -> None:
        self.name, self.guarantee, self.started_at, self.counters = name, guarantee.name, time.time(), counters
        self.active, self.machine = active, machine
        self._topics, self._consumer, self._delivery, self._commit_interval, self._backoff = topics, consumer, guarantee, commit_interval, backoff
        self._phase = "starting"
        self._ending: Ending | None = None
        self._stopped = asyncio.Event()
        self.member = member(self)
        self._reader = Reader(consumer, self.member.lanes, counters, self.member.limits, self.member.limits.fetch, self.member.lost)
        self._watchdog = Watchdog(consumer, counters, self.member.lanes.values, self.stop)
        self._signals = 0
        self._at_once = asyncio.Event()
        self._beat = time.monotonic()

    # --- what others see --------------------------------------------------------------------------------------------
    @property
    def state(self) -> str:
        """starting | running | paused | draining | halted | stopped."""
        lanes = self.member.lanes.values()
        return "paused" if self._phase == "running" and lanes and all(lane.reasons for lane in lanes) else self._phase

    @property
    def heartbeat(self) -> float:
        """When the event loop last turned, in monotonic seconds."""
        return self._beat

    @property
    def unready(self) -> str | None:
        """Why this member is not consuming, None if it is."""
        if self._phase != "running":
            return self._phase
        if not self.member.joined:
            return "not in the group yet"
        lanes = list(self.member.lanes.values())
        if opening := [lane for lane in lanes if lane.phase == "opening"]:
            return f"positioning {opening[0]}"
        if not self.member.membership.sure:
            return "in doubt whether the group holds it still"
        if lanes and all("operator" in lane.reasons for lane in lanes):
            return "paused by an operator"
        now = time.monotonic()
        if (silent := now - self._consumer.heard) > _UNREADY_SECONDS:
            return f"the group's broker has not answered for {silent:.0f} s"
        stuck = [lane for lane in lanes if lane.pending and now - lane.pending[0].taken_at > _UNREADY_SECONDS]
        return f"no acknowledgement for {stuck[0]}" if stuck else None

    @property
    def breaker(self) -> str:
        """closed | half_open | open."""
        return self.member.breaker.state

    @property
    def limits(self) -> Limits:
        """At which each lane is paused."""
        return self.member.limits

    def partitions(self) -> list[PartitionView]:
        """Every lane."""
        now = time.monotonic()
        return [lane.view(now) for lane in self.member.lanes.values()]

    # --- life -------------------------------------------------------------------------------------------------------
    def stop(self, why: BaseException | str | None = None) -> None:
        """End: None drains (a second time stops at once), text is the breaker, NoOffset a configuration, anything else a bug."""
        self._signals += why is None
        if self._ending is not None:
            if self._signals > 1:
                self._at_once.set()
            if isinstance(why, Exception) and not isinstance(why, NoOffset) and self._ending == Ending.DONE:
                self._ending = Ending.INTERNAL  # in the last records: they are not committed
            return
        if why is None:
            self._ending = Ending.DONE
        elif isinstance(why, str):
            self._ending = Ending.HALTED
            self._phase = "halted"
            log.error(why)
        else:
            self._ending = Ending.CONFIG if isinstance(why, NoOffset) else Ending.INTERNAL
            log.error("stopping", error=f"{type(why).__name__}: {why}")
        self._stopped.set()

    async def run(self, ready: Callable[[], None]) -> Ending:
        """Until stopped; `ready` is called once, when joined and every lane is positioned."""
        pulse = asyncio.create_task(self._pulse(), name="pulse")
        reading: asyncio.Task[None] | None = None
        try:
            try:
                if await self._connect():
                    self._phase = "running"
                    reading = asyncio.create_task(self._reader.run(), name="reader")
                    await self._tend(ready, reading)
            except Exception as error:
                log.exception("the worker failed")
                self.stop(error)
            return await self._finish(reading)
        finally:
            pulse.cancel()
            self._watchdog.close()

    async def _connect(self) -> bool:
        backoff = self._backoff()
        while not self._stopped.is_set():
            starting = asyncio.create_task(self._consumer.start(self._topics, self.member), name="start")
            await self._first(starting, self._stopped)
            if not starting.done():  # joining may take as long as another member drains
                starting.cancel()
                await asyncio.wait([starting], timeout=_READER_SECONDS)
                return False
            try:
                if failure := _failure(starting):
                    raise failure
                return True
            except Unavailable as error:
                wait = max(0.5, backoff.next())
                log.warning("no broker, trying again", error=str(error), wait_s=round(wait, 2))
                await self._pause(wait)
        return False

    async def _tend(self, ready: Callable[[], None], reading: asyncio.Task[None]) -> None:
        """The commit interval's turn: commits, sees that everybody is alive, and says once that it is ready."""
        said = False
        while not self._stopped.is_set():
            if not said and self.unready is None:
                said = True
                ready()
            await self._pause(self._commit_interval)
            ticking = asyncio.create_task(self.member.committer.tick(), name="commit")
            await self._first(ticking, self._stopped)
            if not ticking.done():  # with the broker away; the drain commits again
                await self._result_of(ticking)
                return
            if error := _failure(ticking):
                raise error
            self.member.probe()
            self._watchdog.tick()
            if self._stopped.is_set():
                return
            if reading.done():
                raise _failure(reading) or RuntimeError("the reader ended by itself")
            if dead := self.member.ended():
                raise RuntimeError(f"the task of lane {dead} ended by itself")

    async def _finish(self, reading: asyncio.Task[None] | None) -> Ending:
        """Drain within the deadline and close; a second signal cuts both short."""
        if self._phase != "halted":
            self._phase = "draining"
        self._reader.stopping = True
        started, patience = time.monotonic(), self.member.policy.drain_timeout
        drained = False
        if self._ending != Ending.INTERNAL:
            draining = asyncio.create_task(self._drain(reading), name="drain")
            await self._first(draining, self._at_once, patience * _DRAIN_SHARE)
            drained = await self._result_of(draining) is True
        ending = self._ending or Ending.DONE  # what breaks while the clients are closed changes nothing
        closing = asyncio.create_task(self._close(reading), name="close")
        await self._first(closing, self._at_once, max(1.0, started + patience - time.monotonic()))
        await self._result_of(closing)
        self._phase = "stopped"
        return Ending.DRAIN_TIMEOUT if ending == Ending.DONE and (not drained or self._at_once.is_set()) else ending

    async def _drain(self, reading: asyncio.Task[None] | None) -> bool:
        if reading is not None:
            await asyncio.wait([reading], timeout=_READER_SECONDS)
        return await self.member.hand_over(list(self.member.lanes.values()))

    async def _close(self, reading: asyncio.Task[None] | None) -> None:
        await self.member.abandon()
        for error in await asyncio.gather(self._consumer.stop(), self._delivery.stop(), return_exceptions=True):
            if error is not None:  # the exit code stands
                log.warning("did not stop cleanly", error=repr(error))
        if reading is not None and not reading.done():
            reading.cancel()

    async def _result_of(self, task: asyncio.Task[Any]) -> Any:
        """What a task of the end came to; None if it was cut short or failed, which is logged."""
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.2)
            return None
        if (error := _failure(task)) is not None:
            log.error("the end failed", error=repr(error))
            return None
        return task.result()

    @staticmethod
    async def _first(task: asyncio.Task[Any], event: asyncio.Event, seconds: float | None = None) -> None:
        """Wait for a task, but no longer than for an event."""
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait([task, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    async def _pulse(self) -> None:
        while True:
            self._beat = time.monotonic()
            self.member.membership.pulse()
            await asyncio.sleep(0.5)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return


def _failure(task: asyncio.Task[Any]) -> Exception | None:
    """What a finished task failed with; a cancellation that nobody asked for is a failure too."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    return error if error is None or isinstance(error, Exception) else RuntimeError(f"{task.get_name()} was cancelled: {error!r}")
