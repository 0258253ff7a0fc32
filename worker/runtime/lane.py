"""One partition's whole life with this member: its records in order, what is in flight, what may be committed, why it is paused."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from worker.runtime.observation import Counters, PartitionView

if TYPE_CHECKING:
    from worker.delivery.backoff import Backoff
    from worker.delivery.quarantine import Quarantine
    from worker.delivery.routing import Part
    from worker.runtime.backpressure import Limits
    from worker.runtime.membership import Membership
    from worker.runtime.ports import Consumer, Partition

log = structlog.get_logger(__name__)
_HOLDING = frozenset({"breaker", "membership", "quarantine"})  # what is fetched already is not processed either


class Lane:
    """Everything that belongs to one assigned partition.

    `position` is the next offset to take, `acked` the next to commit, `committed` what the group holds (-1: unknown), `origin` where it began.
    `attempt` numbers deliveries: acknowledgements of an earlier attempt are late and count for nothing.
    """

    def __init__(self, partition: Partition, epoch: int, consumer: Consumer, limits: Limits, counters: Counters, backoff: Backoff,
                 membership: Membership | None = None) -> None:
        self.partition, self.epoch, self.consumer, self.limits, self.counters, self.backoff = partition, epoch, consumer, limits, counters, backoff
        self.membership = membership
        self.phase = "opening"
        self.position = self.acked = self.committed = self.origin = -1
        self.queue: deque[tuple[float, list[Any], int]] = deque()
        self.pending: deque[Part] = deque()
        self.in_flight = self.in_flight_bytes = 0
        self.reasons: set[str] = set()
        self.quarantine: Quarantine | None = None
        self.books_old = False  # the quarantine is to be read again before anything is judged
        self.trouble: Exception | None = None
        self.attempt = self.version = 0
        self.last_timestamp = 0
        self.taken_in_hand: float | None = None  # when the slice was taken that the machine has now
        self._paused_for_real = True  # the listener pauses what it is assigned
        self._wake = asyncio.Event()

    def __str__(self) -> str:
        return f"{self.partition[0]}:{self.partition[1]}"

    @property
    def closed(self) -> bool:
        """The partition is not ours any more, or the member ends."""
        return self.phase == "closed"

    @property
    def ready(self) -> bool:
        """Records may be fetched for it."""
        return self.phase == "running" and not self.reasons

    @property
    def owes(self) -> bool:
        """Work of it is acknowledged and not committed."""
        return self.acked > max(self.committed, self.origin)

    def opened(self, offset: int) -> None:
        """Start at `offset`."""
        self.position = self.acked = self.origin = offset
        self.phase = "running"
        self.apply_pause()

    # --- intake -----------------------------------------------------------------------------------------------------
    def take(self, records: list[Any], size: int) -> None:
        """Count fetched records in flight; may pause the partition."""
        self.queue.append((time.monotonic(), records, size))
        self.position, self.last_timestamp = records[-1].offset + 1, records[-1].timestamp
        self.in_flight += len(records)
        self.in_flight_bytes += size
        self.limits.total_bytes += size
        if self.limits.full(self):
            self.pause("backpressure")
        self._wake.set()

    async def next_records(self, most: int, max_wait: float) -> tuple[float, list[Any], int] | None:
        """The next slice and when its first record was taken; None when there is trouble or no more will come.

        A slice that is not full waits up to `max_wait` seconds for more, but only while an earlier one is in hand.
        """
        await self.until(lambda: (bool(self.queue) and self.reasons.isdisjoint(_HOLDING)) or self.trouble is not None or self.phase != "running")
        if self.trouble is not None or not self.queue or self.closed:
            return None
        if max_wait and self.pending and sum(len(rs) for _, rs, _ in self.queue) < most:
            await self.sleep_until(lambda: not self.pending or self.trouble is not None or sum(len(rs) for _, rs, _ in self.queue) >= most, max_wait)
        return None if self.trouble is not None or not self.queue or self.closed else self._slice(most)

    def _slice(self, most: int) -> tuple[float, list[Any], int]:
        taken, records, size = self.queue.popleft()
        if len(records) < most and self.queue:
            records = list(records)
            while self.queue and len(records) < most:
                _, more, more_size = self.queue.popleft()
                records += more
                size += more_size
        if len(records) > most:
            records, rest = records[:most], records[most:]
            rest_size = size_of_records(rest)
            self.queue.appendleft((taken, rest, rest_size))
            size -= rest_size
        return taken, records, size

    def discard_queue(self) -> None:
        """Forget what was fetched and not yet processed; the position goes back to it."""
        records = [r for _, rs, _ in self.queue for r in rs]
        self.queue.clear()
        if records:
            self._release(len(records), size_of_records(records))
            self.position = records[0].offset

    def restart(self, offset: int) -> None:
        """Forget everything that is not committed, and read again from `offset`."""
        self.queue.clear()
        self.pending.clear()
        self._release(self.in_flight, self.in_flight_bytes)
        self.position = self.acked = offset
        self.books_old = self.quarantine is not None
        self.consumer.seek(self.partition, offset)
        self._wake.set()

    # --- delivery ---------------------------------------------------------------------------------------------------
    async def may_send(self) -> bool:
        """Wait while the group may have given the partition away; False when nothing more of this attempt is to be sent."""
        if self.membership is not None:
            self.membership.pulse()
        if "membership" in self.reasons:
            await self.until(lambda: "membership" not in self.reasons or self.trouble is not None or self.phase != "running")
        return self.trouble is None and not self.closed and "membership" not in self.reasons

    def fail(self, error: Exception) -> None:
        """Remember the first trouble of this attempt."""
        if self.trouble is None:
            self.trouble = error
        self._wake.set()

    def take_trouble(self) -> Exception:
        """Begin a new attempt: late acknowledgements of the old one count for nothing."""
        assert self.trouble is not None
        error, self.trouble = self.trouble, None
        self.attempt += 1
        for part in self.pending:
            part.left = -1
        return error

    def settle(self) -> None:
        """Everything at the head that is fully acknowledged is done: it may be committed and is in flight no more."""
        while self.pending and self.pending[0].left == 0 and not self.closed:
            part = self.pending.popleft()
            self.acked = part.next_offset
            self._release(len(part.records), part.size)
            self._account(part)
            self.backoff.reset()
            self.resume("retry")
        self._wake.set()

    def _release(self, records: int, size: int) -> None:
        self.in_flight -= records
        self.in_flight_bytes -= size
        self.limits.total_bytes -= size
        if "backpressure" in self.reasons and self.limits.low(self):
            self.resume("backpressure")

    def _account(self, part: Part) -> None:
        self.counters.processed.update(+part.outcomes)
        self.counters.timestamps_replaced += part.replaced
        now, half = time.time() * 1000, len(part.records) // 2  # half of them are as old as the first, half as the last
        if part.records[0].timestamp < 0 or part.records[-1].timestamp < 0:
            return  # a record without a timestamp has no age
        self.counters.end_to_end.observe(max(0.0, now - part.records[0].timestamp) / 1000, half)
        self.counters.end_to_end.observe(max(0.0, now - part.records[-1].timestamp) / 1000, len(part.records) - half)

    # --- pausing ----------------------------------------------------------------------------------------------------
    def pause(self, reason: str) -> None:
        """Add a reason; with one or more nothing is fetched."""
        if reason not in self.reasons and not self.closed:
            self.reasons.add(reason)
            self.counters.pauses[reason] += 1
            self.apply_pause()

    def resume(self, reason: str) -> None:
        """Take a reason away."""
        if reason in self.reasons:
            self.reasons.discard(reason)
            self.apply_pause()

    def apply_pause(self) -> None:
        """Hold the client to the reasons. A paused lane is left out of fetches at once, which keeps what was prefetched;
        the reader pauses it for real (`harden`) if it stays so."""
        if self.ready:
            self.limits.room.set()
            if self._paused_for_real:
                self.consumer.resume(self.partition)
                self._paused_for_real = False

    def harden(self) -> None:
        """Pause the client too: nothing more of the partition is fetched, what was prefetched is thrown away."""
        if self.phase == "running" and self.reasons and not self._paused_for_real:
            self.consumer.pause(self.partition)
            self._paused_for_real = True

    # --- waiting ----------------------------------------------------------------------------------------------------
    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that this lane's own events can make true."""
        while not condition():
            self._wake.clear()
            if condition():
                return
            await self._wake.wait()

    async def sleep_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for a condition, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.until(condition), seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait, or less if the lane is closed."""
        await self.sleep_until(lambda: self.closed, seconds)

    def wake(self) -> None:
        """Look again: something that this lane waits for changed."""
        self._wake.set()

    def drain(self) -> None:
        """Take nothing new; what is under way may finish."""
        if self.phase == "running":
            self.discard_queue()
            self.phase = "draining"
            self._wake.set()

    def close(self) -> None:
        """The end: whatever arrives late finds it closed."""
        if not self.closed:
            self.phase = "closed"
            self.limits.total_bytes -= self.in_flight_bytes
            self._wake.set()

    def view(self, now: float) -> PartitionView:
        """As others see it."""
        end = max(self.consumer.high_watermark(self.partition), self.position)
        oldest = self.pending[0].taken_at if self.pending else self.taken_in_hand or (self.queue[0][0] if self.queue else now)
        done = self.acked if self.acked >= 0 else end
        lag = max(0, end - done)
        behind = max(0.0, time.time() - self.last_timestamp / 1000) if lag and self.last_timestamp > 0 else 0.0
        return PartitionView(self.partition[0], self.partition[1], self.phase, self.position, self.committed, end, lag, behind,
                             self.in_flight, self.in_flight_bytes, now - oldest, tuple(sorted(self.reasons)))


def size_of_records(records: list[Any]) -> int:
    """Bytes of keys and values, as they are counted in flight."""
    return sum([len(r.value or b"") + len(r.key or b"") for r in records])
