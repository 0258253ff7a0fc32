"""The only file that knows every concrete class: a configuration in, a running worker out."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast

import structlog

from fsm_core.definition import Finding
from worker.config.errors import CONFLICT, ConfigError
from worker.config.load import LoadedConfig
from worker.config.models import WorkerConfig
from worker.delivery.at_least_once import AtLeastOnce
from worker.delivery.backoff import Backoff
from worker.delivery.breaker import Breaker
from worker.delivery.exactly_once import ExactlyOnce
from worker.delivery.group_offsets import GroupOffsets
from worker.delivery.guarantee import Guarantee
from worker.delivery.quarantine import Quarantine, topic_of
from worker.delivery.routing import Router
from worker.delivery.transaction import Pace
from worker.http.errors import CannotListen
from worker.http.server import HttpServer
from worker.kafka.consumer import KafkaConsumer
from worker.kafka.producer import start_producer
from worker.kafka.quarantine_books import read_quarantine
from worker.kafka.settings import connection, consumer_options, producer_options, transaction_options
from worker.kafka.topics import find_topics, look_again, missing_topics
from worker.kafka.transactions import start_transactional
from worker.machines import checked, load_machine, machine_view, make_active, prepare_again
from worker.reloading import Reloader, ReloadRefused, Watch
from worker.runtime.backpressure import Limits
from worker.runtime.member import Member, Policy
from worker.runtime.observation import Counters
from worker.runtime.ports import Consumer, Partition, Producer, TopicFacts, Transactional
from worker.runtime.supervisor import Ending, Supervisor
from worker.runtime.threads import CallThreads
from worker.telemetry import logs
from worker.telemetry.live import InFlightLimits, Live
from worker.telemetry.metrics import exposition, registry
from worker.telemetry.snapshot import Rates, status

log = structlog.get_logger(__name__)
_FETCH_RECORDS = 1000


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


def _quarantine(config: WorkerConfig, facts: Mapping[str, TopicFacts]) -> Callable[[Partition], Awaitable[Quarantine]] | None:
    if config.dead_letter.quarantine == "off":
        return None
    return partial(read_quarantine, connection(config), facts[topic_of(config.dead_letter.topic)], cast(str, config.kafka.group_id))


def build(config: WorkerConfig, machine: Any, facts: dict[str, TopicFacts]) -> Supervisor:
    """Everything put together, nothing started."""
    counters = Counters()
    backoff = partial(Backoff, config.retry.delay, config.retry.backoff, config.retry.max_delay, config.retry.jitter)
    options = consumer_options(config)
    consumer = KafkaConsumer(options)
    active = make_active(config, machine, facts)
    supervisors: list[Supervisor] = []

    choose = _exactly_once if config.delivery.guarantee == "exactly_once" else _at_least_once
    guarantee = choose(config, facts, consumer, lambda: supervisors[0].active.router, counters, backoff, partial(look_again, config, facts))
    held = config.backpressure
    limits = Limits(held.max_in_flight_records, held.max_in_flight_bytes, held.resume_ratio, held.total_bytes,
                    fetch=max(1, min(_FETCH_RECORDS, held.max_in_flight_records // 4)))
    policy = Policy(config.chunk.max_records, config.chunk.max_wait, config.drain_timeout, config.input.auto_offset_reset,
                    options["session_timeout_ms"] / 1000)
    supervisors.append(Supervisor(
        config.name or machine.definition.name, config.input.topics, consumer, guarantee,
        lambda s: Member(consumer, guarantee, lambda: s.active, policy, limits, Breaker(config.dead_letter.breaker), counters, backoff, s.stop,
                         _quarantine(config, facts)),
        counters, active, machine_view(machine.definition), config.delivery.commit_interval, backoff))
    return supervisors[0]


async def run_worker(loaded: LoadedConfig, on_ready: Callable[[dict[str, Any]], None]) -> int:
    """Run until a signal, the breaker or a defect ends it; the exit code. Raises ConfigError or DocumentError before it starts."""
    logs.setup(loaded.config.log.level, loaded.config.log.format)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(CallThreads())
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, log.info, "SIGHUP: nothing is reloaded now")  # its default would end the process
    watch = Watch(loaded.path if isinstance(loaded.config.machine, dict) else loaded.config.machine)  # seen before it is read
    machine = load_machine(loaded)
    config = checked(loaded, machine)
    backoff = Backoff(config.retry.delay, config.retry.backoff, config.retry.max_delay, config.retry.jitter)
    facts = await find_topics(config, backoff, stopped)
    if not facts:
        return Ending.DONE
    supervisor = build(config, machine, facts)
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, supervisor.stop)
    if stopped.is_set():
        return Ending.DONE
    reloader = Reloader(supervisor, partial(prepare_again, loaded, facts), partial(missing_topics, config))
    server = _server(config, supervisor, reloader)
    try:
        if server is not None:
            await server.start()
    except CannotListen as error:
        raise ConfigError([Finding(CONFLICT, "error", str(error))]) from error
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # records live for milliseconds and hold no cycles: measured, docs/performance.md
    address = f"http://{'127.0.0.1' if config.http.host == '0.0.0.0' else config.http.host}:{server.port}" if server else None  # noqa: S104
    watching = asyncio.create_task(watch.run(reloader.ask), name="watch") if config.reload == "watch" else None
    if config.reload != "off":
        loop.add_signal_handler(signal.SIGHUP, reloader.ask)
    try:
        return await supervisor.run(lambda: on_ready({"name": supervisor.name, "http": address, "members": 1}))
    finally:
        reloader.close()
        if watching is not None:
            watching.cancel()
        if server is not None:
            await server.stop()


def _server(config: WorkerConfig, supervisor: Supervisor, reloader: Reloader) -> HttpServer | None:
    if not config.http.enabled:
        return None
    source, rates, most = registry(supervisor), Rates[str](), config.backpressure
    live = Live(supervisor, InFlightLimits(most.max_in_flight_records, most.max_in_flight_bytes, most.resume_ratio))
    controls: dict[str, Callable[[], object]] = {
        "pause": partial(supervisor.member.pause, "operator"), "resume": partial(_resume, supervisor.member), "reload": _off if config.reload == "off" else reloader.reload}
    return HttpServer(supervisor, config.http, status=lambda: status(supervisor, rates), exposition=lambda: exposition(source), controls=controls,
                      live=live)


def _resume(member: Member) -> None:
    member.resume("operator")
    member.resume("breaker")


def _off() -> None:
    """The answer where the configuration forbids it."""
    raise ReloadRefused("reload is off in the worker file")
