"""Dead letters through today's machine straight to its outputs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from worker.runtime.ports import Outgoing, Partition
from worker.tools import walking
from worker.tools.letters import Letter


class Through:
    """See `worker.tools.redrive.Aim`. What fails again stays where it is, and what follows it of its key."""

    def __init__(self, active: Any) -> None:
        self._active = active

    async def outgoing(self, letters: Sequence[Letter]) -> tuple[dict[Partition, list[Outgoing]], dict[int, str]]:
        """Outputs of those that pass. With provenance they say by `fsm.redrives` that a dead letter stands beside them."""
        by_source: dict[Partition, list[int]] = {}
        for position, letter in enumerate(letters):
            assert letter.source is not None
            by_source.setdefault(Partition(*letter.source[:2]), []).append(position)
        found: dict[Partition, list[Outgoing]] = {}
        failed: dict[int, str] = {}
        for partition, positions in by_source.items():
            records = [walking.source_record(letters[p]) for p in positions]
            part = await walking.route(self._active, partition, records, time.time())
            bad = {p: f"{failure.reason} {failure.message}".strip() for p, failure in part.failures}
            held: set[bytes] = set()
            for place, record in enumerate(records):
                if place not in bad and record.key in held:
                    bad[place] = "held"
                if place in bad and record.key is not None:
                    held.add(record.key)
            failed.update({positions[p]: why for p, why in bad.items()})
            for (topic, number), group in part.groups.items():
                passed = [self._told(Outgoing(*r), letters[positions[r[4]]]) for r in group if r[5] is None and r[4] not in bad]
                if passed:
                    found.setdefault(Partition(topic, number), []).extend(passed)
        return found, failed

    def _told(self, record: Outgoing, letter: Letter) -> Outgoing:
        if not self._active.router.provenance:
            return record
        return record._replace(headers=[*record.headers, ("fsm.redrives", b"%d" % (letter.redrives + 1))])
