"""Records that were, through the worker's machine of today: what it would say to them now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fsm_core.engine.batch import BatchResult, Meta
from fsm_core.engine.codec import Malformed, decode, decode_text
from worker.delivery.routing import Part
from worker.runtime.ports import Partition
from worker.tools.letters import Letter


def source_record(letter: Letter) -> Any:
    """The record that died, as the worker had fetched it."""
    assert letter.source is not None
    return SimpleNamespace(offset=letter.source[2], timestamp=letter.source_timestamp, key=letter.key, value=letter.value,
                           headers=letter.back())


def meta_of(partition: Partition, record: Any) -> Meta:
    """Where a record comes from, as code reads it."""
    headers = {n: t for n, v in record.headers if (t := _text(v)) is not None}
    return Meta(partition.topic, partition.partition, record.offset, _text(record.key), record.timestamp / 1000, headers)


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None


async def walk(machine: Any, partition: Partition, records: Sequence[Any], now: float) -> tuple[BatchResult, list[int], list[int]]:
    """One run over records of one partition: what came of those with a value, and the places of these and of the others."""
    places = [i for i, r in enumerate(records) if r.value is not None]
    empty = [i for i, r in enumerate(records) if r.value is None]

    def meta(index: int) -> Meta:
        return meta_of(partition, records[places[index]])

    result = await machine.run_async([records[i].value for i in places], meta, now)
    return result, places, empty


async def route(active: Any, partition: Partition, records: Sequence[Any], now: float) -> Part:
    """What the worker would send for them."""
    result, places, empty = await walk(active.machine, partition, records, now)
    part = Part(partition.topic, partition.partition, list(records), 0, now)
    active.router.outgoing(part, places if empty else None, empty, result)
    return part


def states(machine: Any, partition: Partition, record: Any, text: bool, now: float) -> set[str]:
    """Every state that a record comes to today; none where it is no record."""
    _, steps = _steps(machine, text, partition, record, now)
    failure = (steps[-1].get("failure") or {}) if steps else {}
    return {step["state"] for step in [*steps, failure] if step.get("state")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What today's machine says to one record: `outcome` is output, error, drop, tombstone or failed."""

    outcome: str
    steps: list[dict[str, Any]]
    failure: dict[str, Any] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    sent: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As `explain --json` prints it."""
        return {"outcome": self.outcome, "failure": self.failure, "sent": list(self.sent), "steps": self.steps}


async def explain(active: Any, text: bool, letter: Letter, now: float) -> Verdict:
    """Walk a dead letter's original through the machine, and through the checks before sending."""
    assert letter.source is not None
    partition, record = Partition(*letter.source[:2]), source_record(letter)
    part = await route(active, partition, [record], now)
    outcome = next((name for name, count in part.outcomes.items() if count), "drop")
    failure = None
    if part.failures:
        why = part.failures[0][1]
        failure = {"reason": why.reason, "state": why.state, "function": why.function, "error": why.error, "message": why.message}
    sent = tuple({"topic": topic, "partition": number, "value": None if r[2] is None else r[2].decode("utf-8", "backslashreplace")}
                 for (topic, number), group in part.groups.items() for r in group if r[5] is None)
    data, steps = _steps(active.machine, text, partition, record, now)
    return Verdict(outcome, steps, failure, data, sent)


def _steps(machine: Any, text: bool, partition: Partition, record: Any, now: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The data, and step by step, where the machine can be walked so."""
    if record.value is None or machine.is_async:
        return {}, []
    try:
        data = (decode_text if text else decode)(record.value)
    except Malformed:
        return {}, []
    return data, list(machine.explain(data, meta_of(partition, record), now))
