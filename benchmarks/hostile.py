"""Hostile records through the example machines: no crash, no stall, and each record is one of output, dead letter, drop."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import resource
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.hostile_records import Attack, Hostile
from fsm_core import load
from fsm_core.casebook import parse_cases
from fsm_core.document import load_document
from fsm_core.engine.codec import TEXT
from fsm_core.engine.machine import Machine
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Part, Router
from worker.runtime.observation import Counters
from worker.runtime.ports import Partition, TopicFacts
from worker.runtime.processing import Active, Processing

EXAMPLES = Path(__file__).parents[1] / "examples"
SLICE = 500
STALL_SECONDS = 120.0
"""A slice that takes longer ends the process with every thread's traceback."""
_OUT, _DEAD, _IN = "out", "dead", Partition("in", 0)
_AGAIN = 10  # one slice in so many goes through the interpreter alone too


class Unaccounted(Exception):
    """A record that is not in exactly one of output, dead letter, drop; or not as it should be there."""


@dataclass(frozen=True, slots=True)
class Way:
    """One machine as one kind of author has it."""

    name: str
    machine: Machine


@dataclass(slots=True)
class Tally:
    """What came of all records of all ways; `slowest` is a slice of SLICE records, in seconds."""

    records: int = 0
    runs: int = 0
    outputs: int = 0
    dead: int = 0
    drops: int = 0
    compared: int = 0
    slowest: float = 0.0
    slowest_way: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """For the results file."""
        return {name: getattr(self, name) for name in self.__slots__}


def machines() -> Iterator[Path]:
    """Every example machine once; a link leads to one that is there."""
    for path in sorted(EXAMPLES.glob("*/*.yaml")):
        if path.name != "worker.yaml" and not (path.is_symlink() and EXAMPLES in path.resolve().parents):
            yield path


def ways(path: Path, given: list[Mapping[str, Any]]) -> Iterator[Way]:
    """Safe and trusted, with a computed key, and as lines of text where the machine reads lines."""
    name = f"{path.parent.name}/{path.stem}"
    safe = load(path, trusted=False, functions={"customer": str})
    yield Way(f"{name} safe", safe)
    yield Way(f"{name} trusted", load(path, trusted=True, functions={"customer": str}))
    routes = {state.route for state in safe.definition.states.values() if state.is_end and state.outcome in (None, "output")}
    first = min((n for each in given for n in each if n.isidentifier()), default="a")
    yield Way(f"{name} keyed", safe.bind(keys=dict.fromkeys(routes, f"data.{first}"), headers={r: {"first": f"text(data.{first})", "from": "text(state.meta.key, state.meta.timestamp, state.meta.headers)"} for r in routes}))
    if all(set(each) == {"line"} for each in given):
        yield Way(f"{name} lines", safe.bind(codec=TEXT))


def _facts(name: str, most: int) -> TopicFacts:
    return TopicFacts(name, 3, most, False, 1 << 60, 3_600_000, -1, False)


def _router(machine: Machine) -> Router:
    routes = {state.route for state in machine.definition.states.values() if state.route}
    output = SimpleNamespace(topic=_OUT, routes={r: SimpleNamespace(topic=_OUT, headers="none") for r in routes}, headers="copy", timestamp="source", provenance=True)
    config = SimpleNamespace(output=output, input=SimpleNamespace(tombstones="pass"))
    facts = {_OUT: _facts(_OUT, 1_000_000), _DEAD: _facts(_DEAD, 8_000_000)}
    return Router(config, facts, DeadLetters(facts, _DEAD, machine.definition.name, machine.digest))


class _Catch:
    """A guarantee that keeps the part and sends nothing."""

    def __init__(self) -> None:
        self.part: Part | None = None

    async def send(self, _lane: Any, part: Part) -> None:
        self.part = part


class Siege:
    """Slices of hostile records, each through every way of one machine, by the worker's own path from records to what would be sent."""

    def __init__(self, seed: int, paths: Sequence[Path] | None = None, slice_records: int = SLICE) -> None:
        self.tally, self._most = Tally(), slice_records
        self._lane: Any = SimpleNamespace(partition=_IN, quarantine=None, phase="running", taken_in_hand=None)
        self._targets = []
        for number, path in enumerate(machines() if paths is None else paths):
            given = [case.given for case in parse_cases(load_document(path, False))[0]]
            self._targets.append((Attack(seed * 1000 + number, given, int(time.time() * 1000)), [self._target(way) for way in ways(path, list(given))]))

    def _target(self, way: Way) -> tuple[Way, Processing, _Catch]:
        active, catch = Active(way.machine, _router(way.machine)), _Catch()
        guarantee: Any = catch
        return way, Processing(lambda: active, guarantee, Counters(), lambda _lane, _part: False), catch

    async def run(self, count: int) -> Tally:
        """`count` records, dealt over the machines. Raises Unaccounted at the first that is not right."""
        started, tally, turn = time.perf_counter(), self.tally, 0
        while tally.records < count:
            attack, targets = self._targets[turn % len(self._targets)]
            records = [attack.record(tally.records + i) for i in range(min(self._most, count - tally.records))]
            for way, process, catch in targets:
                await self._slice(way, process, catch, records)
            if turn // len(self._targets) % _AGAIN == 0:
                self._again(targets[turn % len(targets)][0], records)
            tally.records += len(records)
            turn += 1
        tally.seconds = round(time.perf_counter() - started, 1)
        tally.peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        return tally

    async def _slice(self, way: Way, process: Processing, catch: _Catch, records: list[Hostile]) -> None:
        faulthandler.dump_traceback_later(STALL_SECONDS, exit=True)
        started = time.perf_counter()
        await process(self._lane, 0.0, records, 0)
        took = time.perf_counter() - started
        faulthandler.cancel_dump_traceback_later()
        if took > self.tally.slowest:
            self.tally.slowest, self.tally.slowest_way = round(took, 3), way.name
        assert catch.part is not None
        part, catch.part = catch.part, None
        self._account(way, part)

    def _account(self, way: Way, part: Part) -> None:
        """Every position once; what died is there byte for byte, what came out is JSON."""
        tally, outputs, dead = self.tally, set[int](), Counter[int]()
        for items in part.groups.values():
            for when, key, value, headers, position, reason in items:
                if when < 0:
                    raise Unaccounted(f"{way.name}: {when} is no timestamp of a record")
                if reason is None:
                    outputs.add(position)
                    _strict(way, value)
                    continue
                dead[position] += 1
                tally.reasons[reason] += 1
                record = part.records[position]
                if (key, value) != (record.key, record.value) or headers[:len(own := _own(record))] != own:
                    raise Unaccounted(f"{way.name}: the dead letter of {record!r:.300} is not it")
        said = part.outcomes
        sums = said["output"] + said["tombstone"], said["failed"] + said["error"], said["drop"]
        if sums != (len(outputs), len(dead), len(part.records) - len(outputs) - len(dead)) or outputs & dead.keys() or max(dead.values(), default=1) > 1:
            raise Unaccounted(f"{way.name}: {len(part.records)} records, {len(outputs)} outputs, {len(dead)} dead; said {dict(said)}")
        tally.runs += len(part.records)
        tally.outputs, tally.dead, tally.drops = tally.outputs + sums[0], tally.dead + sums[1], tally.drops + sums[2]

    def _again(self, way: Way, records: list[Hostile]) -> None:
        """The interpreter says the same of them as the compiled code."""
        if way.machine.is_async:
            return
        values = [r.value for r in records if r.value is not None]
        one, two = way.machine.run(values, None, 1e9), way.machine.run_interpreted(values, None, 1e9)
        if (one.rows, one.failures, one.ends, one.drops) != (two.rows, two.failures, two.ends, two.drops):
            raise Unaccounted(f"{way.name}: compiled and interpreted differ")
        self.tally.compared += len(values)


def _own(record: Hostile) -> list[tuple[str, bytes | None]]:
    return [(n, v) for n, v in record.headers if not n.startswith("fsm.")]


def _strict(way: Way, value: bytes | None) -> None:
    if value is not None:
        try:
            json.loads(value.decode(), parse_constant=_no_number, parse_int=_any_length)
        except ValueError as error:
            raise Unaccounted(f"{way.name}: an output is no JSON: {error}: {value[:300]!r}") from error


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _any_length(text: str) -> int:
    return len(text)


def siege(seed: int, count: int) -> Tally:
    """All of it, through every example machine."""
    return asyncio.run(Siege(seed).run(count))
