"""One member of the group: opens a lane for each assigned partition, runs it, and hands it over when it is revoked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import structlog

from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.guarantee import Guarantee
from worker.delivery.quarantine import Quarantine
from worker.delivery.routing import Part
from worker.runtime.backpressure import Limits
from worker.runtime.committer import Committer
from worker.runtime.lane import Lane
from worker.runtime.membership import Membership
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, Partition
from worker.runtime.processing import Active, Processing

log = structlog.get_logger(__name__)
_FULL_SECONDS = 3.0
_DRAIN_SHARE = 0.8  # of the deadline; the rest is for the last commit


class NoOffset(Exception):
    """`auto_offset_reset: fail` and the group has no committed offset to start from."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What of the configuration the member itself needs."""

    slice_records: int
    max_wait: float
    drain_timeout: float
    auto_offset_reset: str
    session_timeout: float = 10.0


class Member:
    """The rebalance listener, and the owner of lanes and their tasks."""

    def __init__(self, consumer: Consumer, guarantee: Guarantee, active: Callable[[], Active], policy: Policy, limits: Limits,
                 breaker: Breaker, counters: Counters, backoff: Callable[[], Backoff], stop: Callable[[BaseException | str], None],
                 quarantine: Callable[[Partition], Awaitable[Quarantine]] | None = None) -> None:
        self.consumer, self.guarantee, self.active, self.policy = consumer, guarantee, active, policy
        self.limits, self.breaker, self.counters, self.backoff, self._stop = limits, breaker, counters, backoff, stop
        self._quarantine = quarantine
        self.lanes: dict[Partition, Lane] = {}
        self.tasks: dict[Lane, asyncio.Task[None]] = {}
        self.membership = Membership(policy.session_timeout, self.lanes.values)
        self.committer = Committer(consumer, guarantee, self.lanes.values)
        self._process = Processing(active, guarantee, counters, self._tripped)
        self.epoch = 0
        self._opened_at = 0.0
        self.joined = False
        self._held: set[str] = set()  # pauses of every lane, those to come too

    # --- rebalance --------------------------------------------------------------------------------------------------
    def assigned(self, partitions: Collection[Partition]) -> None:
        """Make a lane of each; nothing is awaited here, as no heartbeat runs meanwhile."""
        self.epoch += 1
        self.counters.rebalances["assigned"] += 1
        self.membership.proven()
        for partition in partitions:
            lane = Lane(partition, self.epoch, self.consumer, self.limits, self.counters, self.backoff(), self.membership)
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
        """Drain, commit, close. False when the deadline came first: what is uncommitted will be redelivered.

        In doubt about the membership nothing more is sent, so nothing is waited for.
        """
        for lane in lanes:
            if self.membership.sure:
                lane.drain()
        tasks = [self.tasks[lane] for lane in lanes if lane in self.tasks and lane.phase == "draining"]
        try:
            late = (await asyncio.wait(tasks, timeout=self.policy.drain_timeout * _DRAIN_SHARE))[1] if tasks else set()
            await self.committer.commit(lanes)
        finally:
            for lane in lanes:
                lane.close()
            await asyncio.gather(*(self._close(lane) for lane in lanes))
        owing = [lane for lane in lanes if lane.owes or lane.pending]
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
                    await self.guarantee.finish(lane)
                    if not lane.pending:
                        return
                elif lane.books_old:
                    await self._read_books(lane)
                elif "quarantine" in lane.reasons:
                    await self._look_again(lane)
                elif (taken := await lane.next_records(self.policy.slice_records, self.policy.max_wait)) is not None:
                    await self._process(lane, *taken)
                    await asyncio.sleep(0)  # what sends nothing waits for nothing: without it a full lane would hold the loop
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
                committed = await self.guarantee.open(lane)
                if self._quarantine is not None:
                    lane.quarantine = await self._quarantine(lane.partition)
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

    async def _look_again(self, lane: Lane) -> None:
        """The quarantine is full: everything under way is settled, then the books are read again, as a purge may have released keys."""
        await lane.sleep_until(lambda: lane.trouble is not None or lane.phase != "running", _FULL_SECONDS)
        await lane.until(lambda: lane.trouble is not None or lane.phase != "running" or not lane.pending)
        if lane.trouble is not None or lane.phase != "running" or lane.quarantine is None:
            return
        before = len(lane.quarantine.keys)
        await self._read_books(lane)
        if len(lane.quarantine.keys) < before:
            lane.resume("quarantine")

    async def _read_books(self, lane: Lane) -> None:
        """The quarantine as it stands in Kafka; left as it is, and old, when that cannot be read now."""
        assert self._quarantine is not None
        try:
            lane.quarantine = await self._quarantine(lane.partition)
        except Exception as error:  # noqa: BLE001 - the client raises what it pleases while brokers are away
            log.warning("cannot read the quarantine", partition=str(lane), error=repr(error))
            await lane.sleep(self.backoff().next())
        else:
            lane.books_old = False

    async def _start(self, lane: Lane) -> int:
        if self.policy.auto_offset_reset == "fail":
            raise NoOffset(f"{lane}: the group has no committed offset, and input.auto_offset_reset is fail")
        return await self.consumer.bound(lane.partition, self.policy.auto_offset_reset)

    async def lost(self, lane: Lane) -> None:
        """The lane's position is not on the broker any more: drop what is fetched, start by the policy."""
        before = lane.position
        try:
            offset = await self._start(lane)
        except NoOffset as error:
            self._stop(error)
            return
        if lane.phase != "running" or lane.position != before:  # its recovery went elsewhere meanwhile
            return
        lane.position = offset
        if not lane.pending and not lane.queue:
            lane.acked = offset
        self.consumer.seek(lane.partition, offset)

    def _tripped(self, lane: Lane, part: Part) -> bool:
        """Ask the breaker before anything is sent; when it opens, the slice goes back to the lane unprocessed."""
        if not self.breaker.observe(len(part.records), [p for p, f in part.failures if f.reason != "quarantined"], lane.partition):
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
