"""The only file that knows every concrete class: a configuration in, a running worker out."""

from __future__ import annotations

import asyncio
import gc
import importlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast

import structlog

from fsm_core.definition import Definition, Finding
from fsm_core.errors import DocumentError
from fsm_core.loading import load
from worker.config.errors import CONFLICT, ConfigError
from worker.config.load import LoadedConfig
from worker.config.models import WorkerConfig
from worker.config.rules import resolve
from worker.delivery.at_least_once import AtLeastOnce
from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.exactly_once import ExactlyOnce, Pace
from worker.delivery.group_offsets import GroupOffsets
from worker.delivery.guarantee import Guarantee
from worker.delivery.routing import Router
from worker.http.errors import CannotListen
from worker.http.server import HttpServer
from worker.kafka.consumer import KafkaConsumer
from worker.kafka.producer import start_producer
from worker.kafka.settings import consumer_options, producer_options, transaction_options
from worker.kafka.topics import find_topics, look_again
from worker.kafka.transactions import start_transactional
from worker.runtime.backpressure import Limits
from worker.runtime.member import Member, Policy
from worker.runtime.observation import Counters, MachineView
from worker.runtime.ports import Consumer, Partition, Producer, TopicFacts, Transactional
from worker.runtime.processing import Active
from worker.runtime.supervisor import Ending, Supervisor
from worker.telemetry import logs
from worker.telemetry.live import InFlightLimits, Live
from worker.telemetry.metrics import exposition, registry
from worker.telemetry.snapshot import Rates, status

log = structlog.get_logger(__name__)
_FETCH_RECORDS = 1000


def import_functions(config: WorkerConfig) -> dict[str, Callable[..., Any]]:
    """What a machine may call by name; raises ConfigError naming what cannot be imported."""
    found, findings = {}, []
    for name, target in config.functions.items():
        module, _, attribute = target.partition(":")
        try:
            found[name] = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            findings.append(Finding(111, "error", f"functions.{name}: cannot import {target}: {error}", hint="write module:attribute"))
    if findings:
        raise ConfigError(findings)
    return found


def load_machine(loaded: LoadedConfig) -> Any:
    """The machine that a worker file names; raises DocumentError or ConfigError with everything that is wrong."""
    config = loaded.config
    source = config.machine
    try:
        return load(source, trusted=config.trust, functions=import_functions(config), params=dict(config.params) or None)
    except DocumentError as error:
        if isinstance(source, dict):
            raise DocumentError([loaded.placed(f) for f in error.findings]) from error
        raise


def _checked(loaded: LoadedConfig, machine: Any) -> WorkerConfig:
    findings = loaded.check_machine(machine.definition)
    for finding in findings:
        if finding.severity != "error":
            log.warning(str(finding))
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        raise ConfigError(errors)
    return resolve(loaded.config, machine.definition)


def make_active(config: WorkerConfig, machine: Any, facts: Mapping[str, TopicFacts]) -> Active:
    """A machine bound to this configuration's keys and headers, and its router."""
    routes: dict[str | None, str] = {None: config.output.key, **{name: route.key for name, route in config.output.routes.items()}}
    keys = {route: key for route, key in routes.items() if key != "source"}
    bound = machine.bind(keys=keys, text=config.input.format == "text")
    dead = DeadLetters(facts[config.dead_letter.topic], machine.definition.name, machine.digest)
    return Active(bound, Router(config, facts, dead))


def machine_view(definition: Definition) -> MachineView:
    """The machine as the page and the metrics show it."""
    graph = {
        "states": [{"name": s.name, "is_start": s.is_start, "is_end": s.is_end, "outcome": s.outcome} for s in definition.states.values()],
        "arcs": [{"from": a.source, "to": a.target, "label": "else" if a.is_else else a.condition.source if a.condition else ""}
                 for a in definition.arcs]
                + [{"from": s.name, "to": s.on_error, "label": "on error"} for s in definition.states.values() if s.on_error],
    }
    return MachineView(definition.name, definition.version, definition.digest, time.time(), graph)


def _sizes(config: WorkerConfig, facts: Mapping[str, TopicFacts]) -> tuple[int, int]:
    """The largest batch that every written topic takes, and the largest record that any does."""
    written = [f.max_message_bytes for name, f in facts.items() if name not in config.input.topics]
    return min([1 << 20, *written]), max(written)


def _at_least_once(config: WorkerConfig, facts: Mapping[str, TopicFacts], consumer: Consumer, router: Callable[[], Router], counters: Counters,
                   backoff: Callable[[], Backoff], look: Callable[[], Awaitable[None]]) -> Guarantee:
    def producer(idempotent: bool) -> Awaitable[Producer]:
        return start_producer(producer_options(config, *_sizes(config, facts), idempotent))

    return AtLeastOnce(GroupOffsets(consumer, counters), partial(producer, True), partial(producer, False), router, counters, backoff, look)


def _exactly_once(config: WorkerConfig, facts: Mapping[str, TopicFacts], consumer: Consumer, router: Callable[[], Router], counters: Counters,
                  _backoff: Callable[[], Backoff], look: Callable[[], Awaitable[None]]) -> Guarantee:
    def producer(partition: Partition) -> Awaitable[Transactional]:
        return start_transactional(transaction_options(config, partition, *_sizes(config, facts)), cast(str, config.kafka.group_id))

    def targets() -> list[Partition]:
        return [Partition(name, n) for name, f in facts.items() if name not in config.input.topics for n in range(f.partitions)]

    pace = Pace(config.delivery.commit_interval, consumer_options(config)["heartbeat_interval_ms"] * 1.2 / 1000)
    return ExactlyOnce(producer, consumer, router, targets, counters, pace, look)


def build(config: WorkerConfig, machine: Any, facts: dict[str, TopicFacts]) -> Supervisor:
    """Everything put together, nothing started."""
    counters = Counters()
    backoff = partial(Backoff, config.retry.delay, config.retry.backoff, config.retry.max_delay, config.retry.jitter)
    options = consumer_options(config)
    consumer = KafkaConsumer(options)
    active = make_active(config, machine, facts)
    supervisors: list[Supervisor] = []

    async def look() -> None:
        await look_again(config, facts)
        supervisors[0].active.router.dead.facts = facts[config.dead_letter.topic]

    choose = _exactly_once if config.delivery.guarantee == "exactly_once" else _at_least_once
    guarantee = choose(config, facts, consumer, lambda: supervisors[0].active.router, counters, backoff, look)
    held = config.backpressure
    limits = Limits(held.max_in_flight_records, held.max_in_flight_bytes, held.resume_ratio, held.total_bytes,
                    fetch=max(1, min(_FETCH_RECORDS, held.max_in_flight_records // 4)))
    policy = Policy(config.chunk.max_records, config.chunk.max_wait, config.drain_timeout, config.input.auto_offset_reset,
                    options["session_timeout_ms"] / 1000)
    supervisors.append(Supervisor(
        config.name or machine.definition.name, config.input.topics, consumer, guarantee,
        lambda s: Member(consumer, guarantee, lambda: s.active, policy, limits, Breaker(config.dead_letter.breaker), counters, backoff, s.stop),
        counters, active, machine_view(machine.definition), config.delivery.commit_interval, backoff))
    return supervisors[0]


def reload(loaded: LoadedConfig, supervisor: Supervisor, facts: Mapping[str, TopicFacts]) -> str | None:
    """Replace the machine between slices; a bad one is refused, the old one stays, and why is the answer."""
    try:
        machine = load_machine(loaded)
        config = _checked(loaded, machine)
        supervisor.active = make_active(config, machine, facts)
    except Exception as error:  # noqa: BLE001 - trusted code is run by loading and raises what it pleases
        supervisor.counters.reloads["refused"] += 1
        log.error("reload refused, the old machine stays", error=str(error), digest=supervisor.machine.digest)
        return f"the old machine stays: {error}"
    supervisor.counters.reloads["ok"] += 1
    supervisor.machine = machine_view(machine.definition)
    log.info("reloaded", machine=machine.definition.name, version=machine.definition.version, digest=machine.digest)
    return None


async def run_worker(loaded: LoadedConfig, on_ready: Callable[[dict[str, Any]], None]) -> int:
    """Run until a signal, the breaker or a defect ends it; the exit code. Raises ConfigError or DocumentError before it starts."""
    logs.setup(loaded.config.log.level, loaded.config.log.format)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, log.info, "SIGHUP: nothing is reloaded now")  # its default would end the process
    machine = load_machine(loaded)
    config = _checked(loaded, machine)
    backoff = Backoff(config.retry.delay, config.retry.backoff, config.retry.max_delay, config.retry.jitter)
    facts = await find_topics(config, backoff, stopped)
    if not facts:
        return Ending.DONE
    supervisor = build(config, machine, facts)
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, supervisor.stop)
    if stopped.is_set():
        return Ending.DONE
    if config.reload == "signal":
        loop.add_signal_handler(signal.SIGHUP, reload, loaded, supervisor, facts)
    server = _server(config, supervisor, partial(reload, loaded, supervisor, facts))
    try:
        if server is not None:
            await server.start()
    except CannotListen as error:
        raise ConfigError([Finding(CONFLICT, "error", str(error))]) from error
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # records live for milliseconds and hold no cycles: measured, docs/performance.md
    address = f"http://{'127.0.0.1' if config.http.host == '0.0.0.0' else config.http.host}:{server.port}" if server else None  # noqa: S104
    try:
        return await supervisor.run(lambda: on_ready({"name": supervisor.name, "http": address, "members": 1}))
    finally:
        if server is not None:
            await server.stop()


def _server(config: WorkerConfig, supervisor: Supervisor, again: Callable[[], str | None]) -> HttpServer | None:
    if not config.http.enabled:
        return None
    source, rates, most = registry(supervisor), Rates[str](), config.backpressure
    live = Live(supervisor, InFlightLimits(most.max_in_flight_records, most.max_in_flight_bytes, most.resume_ratio))
    controls: dict[str, Callable[[], object]] = {
        "pause": partial(supervisor.member.pause, "operator"), "resume": partial(_resume, supervisor.member), "reload": partial(_accepted, again)}
    return HttpServer(supervisor, config.http, status=lambda: status(supervisor, rates), exposition=lambda: exposition(source), controls=controls,
                      live=live)


def _resume(member: Member) -> None:
    member.resume("operator")
    member.resume("breaker")


def _accepted(again: Callable[[], str | None]) -> None:
    """A refused reload is the caller's answer too."""
    if (why := again()) is not None:
        raise ValueError(why)
