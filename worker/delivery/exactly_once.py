"""Exactly once: a transactional producer for each input partition; outputs, dead letters and the offset appear together or not at all.

A lane's transactional id is its partition's, so a new owner shuts out the former one by starting. After any exception the producer
is dropped without a word: the next one's start aborts what was open, and the group's settled offset says what was committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial

import structlog

from worker.delivery.culprits import DeadLetterRefused, Search
from worker.delivery.routing import Part, Router
from worker.delivery.transaction import Pace, Session, bounded
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, Misrouted, Partition, Refused, Transactional, Unavailable, Undelivered, Unsettled

log = structlog.get_logger(__name__)
_TROUBLE = (Undelivered, Refused, Unavailable)
_HAND_OVER_SECONDS = 10.0
_UNBOUNDED = 1 << 30
CLEAN_RECORDS = 1000
"""After a refusal so many records are sent one a batch: a batch may be too large of which every record alone is not."""


class ExactlyOnce:
    """See `Guarantee`."""

    name = "exactly_once"

    def __init__(self, start: Callable[[Partition], Awaitable[Transactional]], consumer: Consumer, router: Callable[[], Router],
                 targets: Callable[[], Collection[Partition]], counters: Counters, pace: Pace, look_again: Callable[[], Awaitable[None]]) -> None:
        self._start, self._consumer, self._router, self._targets = start, consumer, router, targets
        self._counters, self._pace, self._look_again = counters, pace, look_again
        self._sessions: dict[Lane, Session] = {}
        self._committing: dict[Lane, asyncio.Task[None]] = {}
        self._careful: dict[Lane, int] = {}  # records to go, one a batch
        self._left_open: set[Lane] = set()  # a transaction of theirs was given up, and is not known to be over
        self._dropping: set[asyncio.Task[None]] = set()

    # --- fencing ----------------------------------------------------------------------------------------------------
    async def open(self, lane: Lane) -> int | None:
        """Shut out the former owner, end its transaction, and read where it came to."""
        self._drop(lane)
        producer = await self._start(lane.partition)
        session = self._sessions[lane] = Session(lane, producer)
        return await self._settled(session)

    async def _settled(self, session: Session) -> int | None:
        """The group's offset when no transaction holds one of the partition any more."""
        lane = session.lane
        while not lane.closed:
            try:
                return (await self._consumer.committed([lane.partition], self._pace.unsettled))[lane.partition]
            except Unsettled as error:
                log.warning("a transaction is not over though its producer is shut out: aborting it again", partition=str(lane), error=str(error))
                await self._repair(session)
        self._drop(lane)  # closed meanwhile: nobody else would
        return None

    async def _repair(self, session: Session) -> None:
        await bounded(session.producer.repair(self._targets(), {session.lane.partition: 0}), "repair")

    def _drop(self, lane: Lane) -> None:
        session = self._sessions.pop(lane, None)
        if session is None:
            return
        session.drop()
        if session.begun:
            self._left_open.add(lane)
            self._counters.transactions["aborted"] += 1
        task = asyncio.create_task(session.producer.drop())
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    # --- delivery ---------------------------------------------------------------------------------------------------
    async def send(self, lane: Lane, part: Part) -> None:
        """Add a part to the lane's transaction; trouble is left on the lane."""
        lane.pending.append(part)
        try:
            await self._add(lane, part)
        except _TROUBLE as error:
            lane.fail(error)

    async def _add(self, lane: Lane, part: Part) -> None:
        if not await lane.may_send():
            return
        session = self._sessions[lane]
        async with session.lock:
            if lane.trouble is not None or lane.closed or session.dropped:
                return
            first = not session.begun
            await session.add(part, 1 if lane in self._careful else _UNBOUNDED)
        if first:
            interval = self._pace.commit_interval * max(1.0, len(self._sessions) / self._pace.lanes)
            session.timer = asyncio.get_running_loop().call_later(interval, self._due, lane)
        if "backpressure" in lane.reasons:  # nothing more comes before this is done
            self._due(lane)

    async def recover(self, lane: Lane) -> None:
        """Everything from the top: a new producer, the settled offset, and what it does not cover again."""
        error = lane.take_trouble()
        log.warning("transaction given up, starting over", partition=str(lane), error=str(error))
        self._counters.produce_retries += 1
        self._counters.producer_recreated += 1
        lane.pause("retry")
        self._drop(lane)
        try:
            await self._ready(lane, error)
            if lane.closed:
                return
            committed = await self.open(lane)
            if lane in self._left_open:
                committed = await self._abort_again(lane, committed)
            if lane.phase == "closed":  # while the offset was asked for
                return
            self._reconcile(lane, committed)
            for part in list(lane.pending):
                await self._add(lane, part)
        except _TROUBLE as again:
            lane.fail(again)
        except Exception as again:  # noqa: BLE001 - the consumer's client raises what it pleases while brokers are away
            lane.fail(Undelivered(f"{type(again).__name__}: {again}"))

    async def _abort_again(self, lane: Lane, committed: int | None) -> int | None:
        """A transaction that was caught before its offset was added leaves no trace in the group: if its abort was lost, nobody would know.

        Where the settled offset covers it, it was committed, and whatever of it is still to appear must.
        """
        session = self._sessions.get(lane)
        if session is not None and not any(committed is not None and part.next_offset <= committed for part in lane.pending):
            await self._repair(session)
            committed = await self._settled(session)
        self._left_open.discard(lane)
        return committed

    async def _ready(self, lane: Lane, error: Exception) -> None:
        """Wait out what the error may mean, find out what was refused."""
        if not isinstance(error, Refused):
            if isinstance(error, DeadLetterRefused):
                self._counters.dead_letter_publish_failures += 1
            if isinstance(error, Misrouted | DeadLetterRefused):
                log.error("the lane waits for a topic to take its records", partition=str(lane), error=str(error))
            await lane.sleep(max(self._pace.settle, lane.backoff.next()))
            return
        if "TooLarge" in str(error):
            await self._look_again()
        self._careful[lane] = CLEAN_RECORDS
        found = await Search(lane, partial(self._start, lane.partition), self._router()).run()
        log.warning("records that the broker refuses become dead letters", partition=str(lane), records=found)
        if not found:  # it takes each of them alone: it may go on refusing them together
            await lane.sleep(lane.backoff.next())

    def _reconcile(self, lane: Lane, committed: int | None) -> None:
        """What the settled offset covers is done; the rest is delivered again, from memory where it continues there.

        A quarantined lane judges the rest again: who moved the offset may have held keys that this lane never saw, and what it
        held itself is in the books only as far as the offset goes.
        """
        boundaries = {lane.acked, lane.committed, *(p.next_offset for p in lane.pending)}
        moved = committed != lane.committed
        if committed is not None and committed in boundaries:
            self._done(lane, [p for p in lane.pending if p.next_offset <= committed], committed)
        if committed is not None and (committed not in boundaries or (moved and lane.quarantine is not None)):
            log.warning("the group's offset moved: reading from there", partition=str(lane), committed=committed, here=lane.acked)
            lane.restart(committed)
            lane.committed = committed
        if not lane.pending:
            lane.resume("retry")

    # --- commit -----------------------------------------------------------------------------------------------------
    def _due(self, lane: Lane) -> None:
        running = self._committing.get(lane)
        if lane in self._sessions and (running is None or running.done()):
            self._committing[lane] = asyncio.create_task(self._commit(lane), name=f"commit {lane}")

    async def _commit(self, lane: Lane) -> None:
        """The open transaction, or the offset alone where it moved without records or a doubt asks for proof."""
        session = self._sessions.get(lane)
        if session is None:
            return
        async with session.lock:
            sure = lane.membership is None or lane.membership.sure
            if session.dropped or lane.closed or lane.trouble is not None or lane.acked < 0 or not (session.begun or lane.acked != lane.committed or not sure):
                return
            started = time.monotonic()
            try:
                offset = await session.commit()
            except _TROUBLE as error:
                if not session.dropped:
                    self._counters.commits["failed"] += 1
                    lane.fail(error)
                return
            if offset is None or session.dropped or lane.closed:
                return  # if it was committed, the settled offset tells the next producer
            self._counters.transactions["committed"] += 1
            self._counters.commits["ok"] += 1
            self._counters.commit_duration.observe(time.monotonic() - started)
            parts, session.parts = session.parts, []
            self._done(lane, parts, offset)
            if lane.membership is not None:
                lane.membership.proven()  # nobody has shut this producer out

    def _done(self, lane: Lane, parts: Collection[Part], offset: int) -> None:
        dead = self._router().dead.facts.name
        for part in parts:
            for target, records in part.groups.items():
                self._counters.produced[target[0]] += len(records)
                if target[0] == dead:
                    self._counters.dead_letters.update(r[5] for r in records if r[5])
            part.left = 0
            if lane in self._careful:
                self._careful[lane] -= len(part.records)
        if self._careful.get(lane, 1) <= 0:
            del self._careful[lane]
        lane.settle()
        lane.committed = offset
        lane.acked = max(lane.acked, offset)

    async def tick(self, lanes: Collection[Lane]) -> None:
        """Offsets that moved without records; transactions with records have their own clocks."""
        for lane in lanes:
            doubt = lane.membership is not None and not lane.membership.sure
            if lane.phase == "running" and (doubt or (lane.acked != lane.committed and not lane.pending)):
                self._due(lane)

    async def commit(self, lanes: Collection[Lane]) -> None:
        """Everything that is open."""
        tasks = [asyncio.create_task(self._commit(lane)) for lane in lanes]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_HAND_OVER_SECONDS)
            for task in late:
                task.cancel()

    async def finish(self, lane: Lane) -> None:
        """Commit the last transaction."""
        await self._commit(lane)
        await lane.until(lambda: lane.trouble is not None or lane.closed or not lane.pending)

    async def close(self, lane: Lane) -> None:
        """Drop the lane's producer: what it has open is not committed, and aborted by the next owner."""
        task = self._committing.pop(lane, None)
        if task is not None:
            task.cancel()
        self._careful.pop(lane, None)
        self._drop(lane)
        self._left_open.discard(lane)

    async def stop(self) -> None:
        """Drop every producer."""
        for lane in list(self._sessions):
            await self.close(lane)
        if self._dropping:
            await asyncio.wait(self._dropping)
