"""One lane's transactional producer, and what its open transaction holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.runtime.ports import Transactional, Undelivered

if TYPE_CHECKING:
    from worker.delivery.routing import Part
    from worker.runtime.lane import Lane

WAIT_SECONDS = 60.0
"""How long acknowledgements and each verb of a transaction may take: as long as the client tries by itself."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`commit_interval` holds up to `lanes` lanes and grows with them: a transaction's cost is its own, not its records'.

    A producer may have been shut out by a new owner of whom the group tells at the next heartbeat: `settle` is a little longer.
    """

    commit_interval: float
    settle: float
    unsettled: float = 0.5
    lanes: int = 8


async def bounded(verb: Awaitable[None], what: str, seconds: float | None = None) -> None:
    """A verb of the client with a deadline: it may hang while brokers are away."""
    try:
        await asyncio.wait_for(verb, WAIT_SECONDS if seconds is None else seconds)
    except TimeoutError as error:
        raise Undelivered(f"{what}: no answer within {WAIT_SECONDS if seconds is None else seconds:g} s") from error


class Session:
    """From one fence to the next. `lock` is held while a part is added and while the transaction is committed: a part is in one of them."""

    def __init__(self, lane: Lane, producer: Transactional) -> None:
        self.lane, self.producer = lane, producer
        self.lock = asyncio.Lock()
        self.parts: list[Part] = []
        self.begun = self.dropped = False
        self.timer: asyncio.TimerHandle | None = None
        self._left = 0

    async def begin(self) -> None:
        """Begin a transaction unless one is open."""
        if not self.begun:
            await bounded(self.producer.begin(), "begin")
            self.begun = True

    async def add(self, part: Part, most: int) -> None:
        """Queue a part's records, at most so many a batch."""
        await self.begin()
        self.parts.append(part)
        for target, records in part.groups.items():
            for at in range(0, len(records), most):
                self._left += 1
                await self.producer.send(*target, records[at:at + most] if most < len(records) else records, self._answered)

    def _answered(self, error: Exception | None) -> None:
        self._left -= 1
        if self.dropped:
            return
        if error is not None:
            self.lane.fail(error)
        elif not self._left:
            self.lane.wake()

    async def commit(self) -> int | None:
        """Commit what is open, or the lane's offset alone; the committed offset, None if the lane's trouble or end came first.

        The client commits a transaction without the batch that was refused: nothing is added before everything is acknowledged.
        """
        lane = self.lane
        await self.begin()
        await bounded(lane.until(lambda: not self._left or lane.trouble is not None or lane.closed or self.dropped), "acknowledgements")
        if self._left or lane.trouble is not None or lane.closed or self.dropped:
            return None
        offset = self.parts[-1].next_offset if self.parts else lane.acked
        await bounded(self.producer.add_offsets({lane.partition: offset}), "offsets")
        await bounded(self.producer.commit(), "commit")
        self.begun = False
        return offset

    def drop(self) -> None:
        """Nothing of it counts any more."""
        self.dropped = True
        if self.timer is not None:
            self.timer.cancel()
