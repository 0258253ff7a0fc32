"""Which records a broker refuses: found one record a batch, in transactions that nobody commits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from fsm_core.engine.batch import Failure
from worker.delivery.routing import Part, Router, Target
from worker.delivery.transaction import WAIT_SECONDS, bounded
from worker.runtime.lane import Lane
from worker.runtime.ports import NO_RECORD, Outgoing, Refused, Transactional, Undelivered

log = structlog.get_logger(__name__)


class DeadLetterRefused(Undelivered):
    """A dead letter, or the quarantine's books, cannot be written: the lane waits, as neither is ever dropped."""


class Search:
    """One search over a lane's pending parts. A refusal has poisoned its producer, so each culprit costs a new one."""

    def __init__(self, lane: Lane, start: Callable[[], Awaitable[Transactional]], router: Router) -> None:
        self._lane, self._start, self._router = lane, start, router
        self._producer: Transactional | None = None

    async def run(self) -> int:
        """Make dead letters of the culprits; how many there were. Raises what a delivery raises."""
        found = 0
        try:
            for part in list(self._lane.pending):
                condemned = await self._part(part)
                _condemn(part, condemned, self._router)
                found += len(condemned)
        finally:
            await self._drop()
        return found

    async def _part(self, part: Part) -> dict[int, Failure]:
        condemned: dict[int, Failure] = {}
        for target, records in part.groups.items():
            for record in records:
                if self._lane.closed:
                    raise Undelivered("the lane is closed")
                if record[4] in condemned:
                    continue  # a sibling of the same input
                error = await self._try(target, record)
                if isinstance(error, Refused):
                    await self._drop()
                    condemned[record[4]] = _failure(target, record, error)
                elif error is not None:
                    raise error
        return condemned

    async def _try(self, target: Target, record: Outgoing) -> Exception | None:
        if self._producer is None:
            self._producer = await self._start()
            await bounded(self._producer.begin(), "begin")
        answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        try:
            await self._producer.send(*target, [record], lambda error: None if answer.done() else answer.set_result(error))
            return await asyncio.wait_for(answer, WAIT_SECONDS)
        except Refused as error:
            return error
        except TimeoutError as error:
            raise Undelivered("no answer to a record alone") from error

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.drop()


def _failure(target: Target, record: Outgoing, error: Refused) -> Failure:
    if record[5] is not None or record[4] == NO_RECORD:
        raise DeadLetterRefused(f"topic {target[0]}: {error}")
    reason: Any = "too_large" if "TooLarge" in str(error) else "undeliverable"
    return Failure(reason, error=str(error).split(":")[0], message=f"topic {target[0]}: {error}")


def _condemn(part: Part, condemned: dict[int, Failure], router: Router) -> None:
    """The part again, with the culprits as dead letters; everything else that came of them goes with them."""
    if not condemned:
        return
    for target, records in list(part.groups.items()):
        part.groups[target] = [r for r in records if r[4] not in condemned]
        if not part.groups[target]:
            del part.groups[target]
    part.condemn(condemned, router)
    for target, records in part.groups.items():
        if target[0] == router.dead.facts.name:
            records.sort(key=lambda r: r[4])
