"""Rules over several keys, and over the worker file together with its machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from fsm_core.definition import Definition, Finding, Mark, State
from worker.config.document import Path, pointer
from worker.config.errors import CONFLICT, MISSING, NO_EFFECT, NOT_SUPPORTED, REFUSED_OPTION, UNKNOWN_KEY, UNUSED_ROUTE
from worker.config.models import WorkerConfig
from worker.config.refused import CONSUMER, CONSUMER_ALLOWED, EXACTLY_ONCE, PRODUCER, PRODUCER_ALLOWED

REBALANCE_TIMEOUT = 45.0
DRAIN_SHARE = 0.6
Place = Callable[[Path], Mark]


def _nowhere(path: Path) -> Mark:
    return Mark(pointer(path))


def file_findings(config: WorkerConfig, place: Place = _nowhere) -> list[Finding]:
    """What is wrong in the worker file alone."""
    return [*_topics(config, place), *_limits(config, place), *_options(config, place), *_exactly_once(config, place), *_unsupported(config, place)]


def _error(code: int, message: str, mark: Mark, hint: str = "") -> Finding:
    return Finding(code, "error", message, mark, hint)


def _topics(config: WorkerConfig, place: Place) -> Iterator[Finding]:
    targets: list[tuple[Path, str | None]] = [(("output", "topic"), config.output.topic),
                                              (("dead_letter", "topic"), config.dead_letter.topic)]
    targets += [(("output", "routes", name), route.topic) for name, route in config.output.routes.items()]
    for path, topic in targets:
        if topic in config.input.topics:
            yield _error(CONFLICT, f"{'.'.join(map(str, path))}: topic {topic} is also an input", place(path),
                         "its records would be read again for ever")
    if len(set(config.input.topics)) != len(config.input.topics):
        yield _error(CONFLICT, "input.topics: a topic is there twice", place(("input", "topics")))
    if config.output.topic is None and config.input.tombstones == "pass":
        yield _error(MISSING, "output.topic is missing", place(("output", "topic")),
                     "tombstones are passed to it; without it set input.tombstones to drop or fail")


def _limits(config: WorkerConfig, place: Place) -> Iterator[Finding]:
    limit = REBALANCE_TIMEOUT * DRAIN_SHARE
    if config.drain_timeout > limit:
        yield _error(CONFLICT, f"drain_timeout is longer than {limit:g}s, 60 % of the rebalance timeout of 45s",
                     place(("drain_timeout",)), "partitions would be given away before they are drained")
    pressure, chunk = config.backpressure, config.chunk
    if pressure.max_in_flight_records < chunk.max_records:
        yield _error(CONFLICT, "backpressure.max_in_flight_records is less than chunk.max_records",
                     place(("backpressure", "max_in_flight_records")), "a chunk could never fill")
    if pressure.total_bytes < pressure.max_in_flight_bytes:
        yield _error(CONFLICT, "backpressure.total_bytes is less than max_in_flight_bytes",
                     place(("backpressure", "total_bytes")), "it holds for all partitions together")
    if config.retry.max_delay < config.retry.delay:
        yield _error(CONFLICT, "retry.max_delay is less than retry.delay", place(("retry", "max_delay")))


def _options(config: WorkerConfig, place: Place) -> Iterator[Finding]:
    for section, given, refused, allowed in (("consumer", config.kafka.consumer, CONSUMER, CONSUMER_ALLOWED),
                                             ("producer", config.kafka.producer, PRODUCER, PRODUCER_ALLOWED)):
        for name in given:
            here = place(("kafka", section, name))
            if name in refused:
                yield _error(REFUSED_OPTION, f"kafka.{section}.{name} is refused: {refused[name]}", here, "remove it")
            elif name not in allowed:
                near = get_close_matches(name, (*allowed, *refused), 1)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(allowed)}"
                yield _error(UNKNOWN_KEY, f"kafka.{section}.{name} is no option of aiokafka", here, hint)


def _exactly_once(config: WorkerConfig, place: Place) -> Iterator[Finding]:
    if config.delivery.guarantee != "exactly_once":
        return
    for name in sorted(config.kafka.producer.keys() & EXACTLY_ONCE):
        yield _error(REFUSED_OPTION, f"kafka.producer.{name} is refused with delivery.guarantee: exactly_once: {EXACTLY_ONCE[name]}",
                     place(("kafka", "producer", name)), "remove it")
    if config.input.isolation != "read_committed":
        yield _error(CONFLICT, "input.isolation: read_uncommitted breaks delivery.guarantee: exactly_once", place(("input", "isolation")),
                     "records of aborted transactions would be processed, and of those that are written again twice")


def _unsupported(config: WorkerConfig, place: Place) -> Iterator[Finding]:
    asked: list[tuple[Path, Any, Any]] = [
        (("processes",), config.processes, 1),
        (("backpressure", "memory_limit"), config.backpressure.memory_limit, 0),
        (("kafka", "security", "protocol"), config.kafka.security.protocol, "PLAINTEXT"),
    ]
    for path, value, built in asked:
        if value != built:
            yield _error(NOT_SUPPORTED, f"{'.'.join(map(str, path))}: {value} is not supported yet", place(path),
                         f"use {built}")
    if config.kafka.security.protocol == "PLAINTEXT":
        for name in sorted(config.kafka.security.model_fields_set - {"protocol"}):
            yield Finding(NO_EFFECT, "warning", f"kafka.security.{name} has no effect with protocol PLAINTEXT",
                          place(("kafka", "security", name)))


def machine_findings(config: WorkerConfig, definition: Definition, place: Place = _nowhere) -> list[Finding]:
    """What is wrong between the worker file and the routes of the machine's output ends."""
    ends = [s for s in definition.states.values() if s.is_end and s.outcome == "output"]
    return [*_unmapped(config, ends, place), *_unused(config, ends, place), *_unrouted(config, ends, place)]


def _unmapped(config: WorkerConfig, ends: list[State], place: Place) -> Iterator[Finding]:
    for end in ends:
        if end.route is not None and end.route not in config.output.routes:
            yield _error(CONFLICT, f"output.routes has no topic for route {end.route} of end state {end.name}",
                         place(("output", "routes")), f"add {end.route}: <topic>")


def _unused(config: WorkerConfig, ends: list[State], place: Place) -> Iterator[Finding]:
    used = {end.route for end in ends}
    for name in config.output.routes:
        if name not in used:
            yield Finding(UNUSED_ROUTE, "warning", f"output.routes.{name}: no end state has this route",
                          place(("output", "routes", name)))


def _unrouted(config: WorkerConfig, ends: list[State], place: Place) -> Iterator[Finding]:
    plain = [end.name for end in ends if end.route is None]
    if plain and config.output.topic is None and config.input.tombstones != "pass":
        yield _error(MISSING, f"output.topic is missing: end state {plain[0]} has no route",
                     place(("output", "topic")))


def resolve(config: WorkerConfig, definition: Definition) -> WorkerConfig:
    """The configuration with `name` and `kafka.group_id` filled in from the machine."""
    name = config.name or definition.name
    kafka = config.kafka.model_copy(update={"group_id": config.kafka.group_id or name})
    return config.model_copy(update={"name": name, "kafka": kafka})
