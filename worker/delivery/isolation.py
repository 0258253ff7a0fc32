"""A lane on its own producer, one record a batch: what the broker refuses is found, and becomes a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from fsm_core.engine.batch import Failure
from worker.delivery.routing import Part, Router, Target
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import NO_RECORD, Outgoing, Producer, Refused, Unavailable, Undelivered

log = structlog.get_logger(__name__)
CLEAN_RECORDS = 1000
"""A lane stays isolated until so many records in a row were accepted: a flood does not replace the shared producer again and again."""


class Isolation:
    """One lane's isolation. `producer` is its own; a failure that is no refusal asks for another one."""

    def __init__(self, lane: Lane, producer: Producer, router: Callable[[], Router], counters: Counters,
                 count: Callable[[Target, Sequence[Outgoing]], None]) -> None:
        self.lane, self.producer = lane, producer
        self._router, self._counters, self._count = router, counters, count
        self.clean = 0
        self._done: dict[int, dict[Target, int]] = {}  # id(part) -> group -> records accepted

    @property
    def over(self) -> bool:
        """The lane may go back to the shared producer."""
        return self.clean >= CLEAN_RECORDS and not self.lane.pending

    async def deliver(self) -> None:
        """Deliver the lane's parts; trouble is left on the lane."""
        lane = self.lane
        while lane.pending and not lane.closed and lane.trouble is None:
            part = lane.pending[0]
            try:
                if not await self._drip(part) or lane.phase == "closed":  # while records were on their way
                    return
            except (Undelivered, Unavailable) as error:
                lane.fail(error)
                return
            part.left = 0
            self._done.pop(id(part), None)
            lane.settle()

    async def _drip(self, part: Part) -> bool:
        """One record after the other; False when the lane ended before the part did."""
        progress = self._done.setdefault(id(part), {})
        for target in part.delivered:
            progress.setdefault(target, len(part.groups[target]))  # a dead letter added later goes alone
        while todo := [t for t in part.groups if t not in part.delivered]:
            target = todo[0]
            records = part.groups[target]
            while (index := progress.get(target, 0)) < len(records):
                if not await self.lane.may_send():
                    return False
                if records[index][4] in part.condemned and records[index][5] is None:  # a sibling of what was refused
                    progress[target] = index + 1
                    continue
                error = await self._send(target, records[index])
                if isinstance(error, Refused):
                    self.clean = 0
                    if not await self._condemn(part, target, index, error):
                        continue
                elif error is not None:
                    raise error
                else:
                    self.clean += 1
                    self._count(target, records[index:index + 1])
                progress[target] = index + 1
            part.delivered.add(target)
        return True

    async def _send(self, target: Target, record: Outgoing) -> Exception | None:
        future: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        try:
            await self.producer.send(*target, [record], lambda error: None if future.done() else future.set_result(error))
        except (Undelivered, Refused, Unavailable) as error:
            return error
        return await future

    async def _condemn(self, part: Part, target: Target, index: int, error: Exception) -> bool:
        """Make the refused record a dead letter; a dead letter or a book that is refused holds its lane and is tried again (False)."""
        record = part.groups[target][index]
        if record[5] is not None or record[4] == NO_RECORD:
            self._counters.dead_letter_publish_failures += 1
            log.error("a dead letter was refused: its partition waits", topic=target[0], partition=str(self.lane), error=str(error))
            self.lane.pause("retry")
            await self.lane.sleep(self.lane.backoff.next())
            return False
        reason: Any = "too_large" if "TooLarge" in str(error) else "undeliverable"
        failure = Failure(reason, error=str(error).split(":")[0], message=f"topic {target[0]}: {error}")
        part.condemn({record[4]: failure}, self._router())
        for dead in [t for t in part.groups if t in part.delivered and t[0] == self._router().dead.facts.name]:
            part.delivered.discard(dead)  # it has a new record at its end
        return True
