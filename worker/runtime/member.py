"""One member of the group: opens a lane for each assigned partition, runs it, and hands it over when it is revoked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import structlog

from fsm_core.engine.batch import Meta
from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.guarantee import Guarantee
from worker.delivery.routing import Part, Router
from worker.runtime.backpressure import Limits
from worker.runtime.committer import Committer
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, Partition

log = structlog.get_logger(__name__)
_DRAIN_SHARE = 0.8  # of the deadline; the rest is for the last commit


class NoOffset(Exception):
    """`auto_offset_reset: fail` and the group has no committed offset to start from."""


@dataclass(frozen=True, slots=True)
class Active:
    """The machine that runs now and its router; a reload replaces both at once, between slices."""

    machine: Any
    router: Router


@dataclass(frozen=True, slots=True)
class Policy:
    """What of the configuration the member itself needs."""

    slice_records: int
    max_wait: float
    drain_timeout: float
    auto_offset_reset: str


class Member:
    """The rebalance listener, and the owner of lanes and their tasks."""

    def __init__(self, consumer: Consumer, guarantee: Guarantee, active: Callable[[], Active], policy: Policy, limits: Limits,
                 breaker: Breaker, counters: Counters, backoff: Callable[[], Backoff], stop: Callable[[BaseException | str], None]) -> None:
        self.consumer, self.guarantee, self.active, self.policy = consumer, guarantee, active, policy
        self.limits, self.breaker, self.counters, self.backoff, self._stop = limits, breaker, counters, backoff, stop
        self.lanes: dict[Partition, Lane] = {}
        self.tasks: dict[Lane, asyncio.Task[None]] = {}
        self.committer = Committer(consumer, counters, self.lanes.values)
        self.epoch = 0
        self._opened_at = 0.0
        self.joined = False
        self._held: set[str] = set()  # pauses of every lane, those to come too

    # --- rebalance --------------------------------------------------------------------------------------------------
    def assigned(self, partitions: Collection[Partition]) -> None:
        """Make a lane of each; nothing is awaited here, as no heartbeat runs meanwhile."""
        self.epoch += 1
        self.counters.rebalances["assigned"] += 1
        for partition in partitions:
            lane = Lane(partition, self.epoch, self.consumer, self.limits, self.counters, self.backoff())
            self.lanes[partition] = lane
            if self.breaker.state == "open":
                lane.pause("breaker")
            for reason in self._held:
                lane.pause(reason)
            self.tasks[lane] = asyncio.create_task(self._run(lane), name=f"lane {lane}")
        self.joined = True
        log.info("assigned", partitions=[f"{p.topic}:{p.partition}" for p in partitions], epoch=self.epoch)

    async def revoked(self, partitions: Collection[Partition]) -> None:
        """Finish what is under way, commit it, and let go; bounded by the drain deadline."""
        if partitions:
            self.counters.rebalances["revoked"] += 1
            started = time.monotonic()
            await self.hand_over([self.lanes[p] for p in partitions if p in self.lanes])
            self.counters.rebalance_duration.observe(time.monotonic() - started)

    async def hand_over(self, lanes: Collection[Lane]) -> bool:
        """Drain, commit, close. False when the deadline came first: what is uncommitted will be redelivered."""
        for lane in lanes:
            lane.drain()
        tasks = [self.tasks[lane] for lane in lanes if lane in self.tasks and lane.phase == "draining"]
        try:
            late = (await asyncio.wait(tasks, timeout=self.policy.drain_timeout * _DRAIN_SHARE))[1] if tasks else set()
            await self.committer.commit(lanes)
        finally:
            for lane in lanes:
                lane.close()
            await asyncio.gather(*(self._close(lane) for lane in lanes))
        owing = [lane for lane in lanes if lane.owes]
        if late or owing:
            log.warning("drain timed out, uncommitted work will be redelivered", lanes=len(late) or len(owing))
        return not late and not owing

    async def abandon(self) -> None:
        """Close every lane that is left, without committing."""
        lanes = list(self.lanes.values())
        for lane in lanes:
            lane.close()
        await asyncio.gather(*(self._close(lane) for lane in lanes))

    def ended(self) -> Lane | None:
        """A running lane whose task is gone, if there is one: nothing would ever move it again."""
        return next((lane for lane, task in self.tasks.items() if task.done() and lane.phase in {"opening", "running"}), None)

    async def _close(self, lane: Lane) -> None:
        lane.close()
        if self.lanes.get(lane.partition) is lane:
            del self.lanes[lane.partition]
        task = self.tasks.pop(lane, None)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1)
        await self.guarantee.close(lane)

    # --- a lane's life ----------------------------------------------------------------------------------------------
    async def _run(self, lane: Lane) -> None:
        try:
            await self._open(lane)
            while not lane.closed:
                if lane.trouble is not None:
                    await self.guarantee.recover(lane)
                elif lane.phase == "draining":
                    await lane.until(lambda: lane.trouble is not None or lane.closed or not lane.pending)
                    if not lane.pending:
                        return
                elif (taken := await lane.next_records(self.policy.slice_records, self.policy.max_wait)) is not None:
                    await self._process(lane, *taken)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._stop(error)
            if not isinstance(error, NoOffset):
                log.exception("a lane failed", partition=str(lane), next_offset=lane.acked)
                raise

    async def _open(self, lane: Lane) -> None:
        """Where to start: the certain committed offset, or what the policy says."""
        while not lane.closed:
            try:
                committed = (await self.consumer.committed([lane.partition]))[lane.partition]
                offset = committed if committed is not None else await self._start(lane)
                if lane.phase == "closed":  # while the offset was asked for
                    return
                self.consumer.seek(lane.partition, offset)
                lane.committed = committed if committed is not None else -1
                lane.opened(offset)
                return
            except NoOffset:
                raise
            except Exception as error:  # noqa: BLE001 - the client raises what it pleases while brokers are away
                log.warning("cannot position a lane yet", partition=str(lane), error=repr(error))
                await lane.sleep(self.backoff().next())

    async def _start(self, lane: Lane) -> int:
        if self.policy.auto_offset_reset == "fail":
            raise NoOffset(f"{lane}: the group has no committed offset, and input.auto_offset_reset is fail")
        return await self.consumer.bound(lane.partition, self.policy.auto_offset_reset)

    async def lost(self, lane: Lane) -> None:
        """The lane's position is not on the broker any more: drop what is fetched, start by the policy."""
        try:
            offset = await self._start(lane)
        except NoOffset as error:
            self._stop(error)
            return
        if lane.phase != "running":
            return
        lane.position = offset
        if not lane.pending and not lane.queue:
            lane.acked = offset
        self.consumer.seek(lane.partition, offset)

    async def _process(self, lane: Lane, taken_at: float, records: list[Any], size: int) -> None:
        """One slice: one run of the machine, one part on its way."""
        started = time.monotonic()
        active = self.active()
        part = Part(lane.partition[0], lane.partition[1], records, size, taken_at)
        values = [r.value for r in records]
        positions: list[int] | None = None
        empty: list[int] = []
        if None in values:
            positions = [i for i, v in enumerate(values) if v is not None]
            empty = [i for i, v in enumerate(values) if v is None]
            values = [v for v in values if v is not None]
        metas = _metas(lane, records, positions)
        run = active.machine.run_async if active.machine.is_async else active.machine.run
        result = run(values, metas, time.time())
        if active.machine.is_async:
            result = await result
        machine_done = time.monotonic()
        active.router.outgoing(part, positions, empty, result)
        if self._tripped(lane, part):
            return
        self._observe(lane, part, result, started, machine_done)
        del result, values  # the part holds what is still needed; sending may take long
        await self.guarantee.send(lane, part)
        self.counters.loop_seconds["produce"] += time.monotonic() - machine_done

    def _tripped(self, lane: Lane, part: Part) -> bool:
        """Ask the breaker before anything is sent; when it opens, the slice goes back to the lane unprocessed."""
        if not self.breaker.observe(len(part.records), [p for p, _ in part.failures]):
            return False
        lane.queue.appendleft((part.taken_at, part.records, part.size))
        if self.breaker.policy.action == "halt":
            self._stop(f"halted by the breaker: {self.breaker.why}")
            lane.drain()
            return True
        log.error("paused by the breaker", why=self.breaker.why)
        self._opened_at = time.monotonic()
        for each in self.lanes.values():
            each.pause("breaker")
        return True

    def probe(self) -> None:
        """Half-open a breaker that has paused for `probe_after`, if that is set."""
        policy = self.breaker.policy
        if self.breaker.state == "open" and policy.action == "pause" and policy.probe_after and time.monotonic() - self._opened_at > policy.probe_after:
            self.resume("breaker")

    def resume(self, reason: str) -> None:
        """Take a pause reason off every lane; the breaker's half-opens it."""
        if reason == "breaker" and self.breaker.state == "open":
            self.breaker.probe()
        self._held.discard(reason)
        for lane in self.lanes.values():
            lane.resume(reason)
            lane.wake()

    def pause(self, reason: str) -> None:
        """Put a pause reason on every lane, and on those that are assigned later."""
        self._held.add(reason)
        for lane in self.lanes.values():
            lane.pause(reason)

    def _observe(self, lane: Lane, part: Part, result: Any, started: float, machine_done: float) -> None:
        c = self.counters
        c.loop_seconds["machine"] += machine_done - started
        c.chunk_records.observe(len(part.records))
        c.chunk_duration.observe(machine_done - started)
        for name, count in result.states.items():
            c.states[name] += count
        for arc, count in result.arcs.items():
            c.arcs[arc] += count
        c.failures.update(failure.state for _, failure in part.failures if failure.state)
        for position, failure in part.failures[-3:]:
            record = part.records[position]
            c.last_errors.append({
                "time": time.time(), "reason": failure.reason, "state": failure.state, "message": failure.message[:300],
                "topic": part.topic, "partition": part.partition, "offset": record.offset})


def _metas(lane: Lane, records: list[Any], positions: list[int] | None) -> Callable[[int], Meta]:
    """Where each record comes from, built only for code that reads it."""

    def meta(index: int) -> Meta:
        record = records[index if positions is None else positions[index]]
        return Meta(lane.partition[0], lane.partition[1], record.offset, _text(record.key), record.timestamp / 1000,
                    {n: t for n, v in record.headers if (t := _text(v)) is not None})

    return meta


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None
