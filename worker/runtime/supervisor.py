"""A member's life from the first connection to its exit code: start, watch, reload, drain; and what others may see of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import IntEnum

import structlog

from worker.delivery.backoff import Backoff
from worker.delivery.guarantee import Guarantee
from worker.runtime.member import Active, Member, NoOffset
from worker.runtime.observation import Counters, MachineView, PartitionView
from worker.runtime.ports import Consumer, Unavailable
from worker.runtime.reader import Reader

log = structlog.get_logger(__name__)
_FETCH_RECORDS = 1000
_READER_SECONDS = 2.0
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
        self._reader = Reader(consumer, self.member.lanes, counters, self.member.limits, _FETCH_RECORDS, self.member.lost)
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
        now = time.monotonic()
        stuck = [lane for lane in lanes if "retry" in lane.reasons and lane.pending and now - lane.pending[0].taken_at > _UNREADY_SECONDS]
        return f"no acknowledgement for {stuck[0]}" if stuck else None

    @property
    def breaker(self) -> str:
        """closed | half_open | open."""
        return self.member.breaker.state

    def partitions(self) -> list[PartitionView]:
        """Every lane."""
        now = time.monotonic()
        return [lane.view(now) for lane in self.member.lanes.values()]

    # --- life -------------------------------------------------------------------------------------------------------
    def stop(self, why: BaseException | str | None = None) -> None:
        """End: None drains (a second time stops at once), text is the breaker, NoOffset a configuration, anything else a bug."""
        if self._ending is not None:
            if why is None:
                self._ending = Ending.DRAIN_TIMEOUT
                self._stopped.set()
                for lane in list(self.member.lanes.values()):
                    lane.close()
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
            if await self._connect():
                self._phase = "running"
                reading = asyncio.create_task(self._reader.run(), name="reader")
                await self._tend(ready)
            return await self._finish(reading)
        finally:
            pulse.cancel()

    async def _connect(self) -> bool:
        backoff = self._backoff()
        while not self._stopped.is_set():
            try:
                await self._consumer.start(self._topics, self.member)
                return True
            except Unavailable as error:
                wait = max(0.5, backoff.next())
                log.warning("no broker, trying again", error=str(error), wait_s=round(wait, 2))
                await self._pause(wait)
        return False

    async def _tend(self, ready: Callable[[], None]) -> None:
        """The commit interval's turn: commits, and says once that it is ready."""
        said = False
        while not self._stopped.is_set():
            if not said and self.unready is None:
                said = True
                ready()
            await self._pause(self._commit_interval)
            await self.member.committer.tick()
            self.member.probe()

    async def _finish(self, reading: asyncio.Task[None] | None) -> Ending:
        if self._phase != "halted":
            self._phase = "draining"
        self._reader.stopping = True
        if reading is not None:
            await asyncio.wait([reading], timeout=_READER_SECONDS)
        drained = True
        if self._ending != Ending.INTERNAL:
            drained = await self.member.hand_over(list(self.member.lanes.values()))
        await self._consumer.stop()
        await self._delivery.stop()
        self._phase = "stopped"
        if self._ending == Ending.DONE and not drained:
            return Ending.DRAIN_TIMEOUT
        return self._ending or Ending.DONE

    async def _pulse(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(0.5)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return
