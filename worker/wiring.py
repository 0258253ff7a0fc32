"""The only file that knows every concrete class: a configuration in, a running worker out."""

from __future__ import annotations

import asyncio
import gc
import importlib
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from fsm_core.definition import Definition, Finding
from fsm_core.errors import DocumentError
from fsm_core.loading import load
from worker.config.errors import CONFLICT, MISSING, ConfigError
from worker.config.load import LoadedConfig
from worker.config.models import WorkerConfig
from worker.config.rules import resolve
from worker.delivery.at_least_once import AtLeastOnce
from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Router
from worker.http.errors import CannotListen
from worker.http.server import HttpServer
from worker.kafka.admin import topic_facts
from worker.kafka.consumer import KafkaConsumer
from worker.kafka.producer import start_producer
from worker.kafka.settings import connection, consumer_options, producer_options
from worker.runtime.backpressure import Limits
from worker.runtime.member import Active, Member, Policy
from worker.runtime.observation import Counters, MachineView
from worker.runtime.ports import TopicFacts, Unavailable
from worker.runtime.supervisor import Ending, Supervisor
from worker.telemetry import logs
from worker.telemetry.live import InFlightLimits, Live
from worker.telemetry.metrics import exposition, registry
from worker.telemetry.snapshot import Rates, status

log = structlog.get_logger(__name__)
_DEAD_LETTER_ROOM = 8192


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


def _dead_letter_room(config: WorkerConfig, facts: Mapping[str, TopicFacts]) -> list[Finding]:
    """A dead letter is its record and up to 8 KiB of reasons. Brokers' defaults are equal for every topic, so equal limits are only
    warned of: optional headers are shed where they do not fit."""
    largest, room = max(facts[name].max_message_bytes for name in config.input.topics), facts[config.dead_letter.topic].max_message_bytes
    advice = f"set its max.message.bytes to {largest + _DEAD_LETTER_ROOM} or more"
    text = f"dead-letter topic {config.dead_letter.topic} takes records of {room} bytes, its inputs up to {largest}"
    if room < largest:
        return [Finding(CONFLICT, "error", text, hint=advice)]
    if room < largest + _DEAD_LETTER_ROOM:
        log.info(text, advice=advice)
    return []


async def find_topics(config: WorkerConfig, backoff: Backoff, stopped: asyncio.Event) -> dict[str, TopicFacts]:
    """Facts of every topic that is written; raises ConfigError when one is missing or too small, waits while no broker answers."""
    outputs = {config.dead_letter.topic, *(r.topic for r in config.output.routes.values())} | ({config.output.topic} if config.output.topic else set())
    while True:
        try:
            asking = asyncio.create_task(topic_facts(connection(config), outputs | set(config.input.topics)))
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait([asking, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not asking.done():  # a broker that takes the connection and says nothing does not hold a signal
                asking.cancel()
                await asyncio.wait([asking], timeout=1)
                return {}
            facts = asking.result()
            break
        except Unavailable as error:
            wait = max(0.5, backoff.next())
            log.warning("no broker, trying again", error=str(error), wait_s=round(wait, 2))
            try:
                await asyncio.wait_for(stopped.wait(), wait)
                return {}
            except TimeoutError:
                continue
    findings = [Finding(MISSING, "error", f"topic {name} does not exist on {config.kafka.bootstrap_servers}", hint="create it before the worker starts")
                for name in sorted((outputs | set(config.input.topics)) - facts.keys())]
    findings += _dead_letter_room(config, facts) if not findings else []
    if findings:
        raise ConfigError(findings)
    return facts


def build(config: WorkerConfig, machine: Any, facts: Mapping[str, TopicFacts]) -> Supervisor:
    """Everything put together, nothing started."""
    counters = Counters()
    backoff = partial(Backoff, config.retry.delay, config.retry.backoff, config.retry.max_delay, config.retry.jitter)
    consumer = KafkaConsumer(consumer_options(config))
    written = [f for name, f in facts.items() if name not in config.input.topics]
    batch = min([1 << 20, *(f.max_message_bytes for f in written)])
    largest = max(f.max_message_bytes for f in written)
    active = make_active(config, machine, facts)
    supervisors: list[Supervisor] = []
    guarantee = AtLeastOnce(
        partial(start_producer, producer_options(config, batch, largest)), partial(start_producer, producer_options(config, batch, largest, False)),
        lambda: supervisors[0].active.router, counters, backoff)
    limits = Limits(config.backpressure.max_in_flight_records, config.backpressure.max_in_flight_bytes, config.backpressure.resume_ratio,
                    config.backpressure.total_bytes)
    policy = Policy(config.chunk.max_records, config.chunk.max_wait, config.drain_timeout, config.input.auto_offset_reset)
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
