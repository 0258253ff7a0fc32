"""One slice of a lane: one run of the machine, one part on its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from fsm_core.engine.batch import Meta
from worker.delivery.guarantee import Guarantee
from worker.delivery.routing import Part, Router
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Active:
    """The machine that runs now and its router; a reload replaces both at once, between slices."""

    machine: Any
    router: Router


class Processing:
    """What becomes of a slice. `tripped` is asked before anything is sent: True when the slice went back to its lane."""

    def __init__(self, active: Callable[[], Active], guarantee: Guarantee, counters: Counters, tripped: Callable[[Lane, Part], bool]) -> None:
        self._active, self._guarantee, self._counters, self._tripped = active, guarantee, counters, tripped

    async def __call__(self, lane: Lane, taken_at: float, records: list[Any], size: int) -> None:
        """One slice: one run of the machine, one part on its way."""
        started = time.monotonic()
        active = self._active()
        part = Part(lane.partition[0], lane.partition[1], records, size, taken_at)
        values = [r.value for r in records]
        positions: list[int] | None = None
        empty: list[int] = []
        known = lane.quarantine.known(records) if lane.quarantine is not None else ()
        if known or None in values:
            positions = [i for i, v in enumerate(values) if v is not None and i not in known]
            empty = [i for i, v in enumerate(values) if v is None and i not in known]
            values = [values[i] for i in positions]
        metas = _metas(lane, records, positions)
        run = active.machine.run_async if active.machine.is_async else active.machine.run
        lane.taken_in_hand = taken_at
        try:
            result = run(values, metas, time.time())
            if active.machine.is_async:
                result = await result
        finally:
            lane.taken_in_hand = None
        if lane.phase == "closed":  # while the machine's calls were answered: the records are somebody else's
            return
        machine_done = time.monotonic()
        active.router.outgoing(part, positions, empty, result, lane.quarantine)
        if self._tripped(lane, part) or self._too_many_keys(lane, part):
            return
        self._observe(lane, part, result, started, machine_done)
        del result, values  # the part holds what is still needed; sending may take long
        await self._guarantee.send(lane, part)
        self._counters.loop_seconds["produce"] += time.monotonic() - machine_done

    def _too_many_keys(self, lane: Lane, part: Part) -> bool:
        """Keep what the quarantine ruled; True when it would hold more keys than may be: the slice went back, and the lane waits."""
        if lane.quarantine is None or part.ruling is None:
            return False
        if not lane.quarantine.full(part.ruling):
            lane.quarantine.keep(part.ruling)
            return False
        log.error("too many keys in quarantine: the partition waits", partition=str(lane), keys=len(lane.quarantine.keys), most=lane.quarantine.most)
        lane.queue.appendleft((part.taken_at, part.records, part.size))
        lane.pause("quarantine")
        return True

    def _observe(self, lane: Lane, part: Part, result: Any, started: float, machine_done: float) -> None:
        c = self._counters
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
