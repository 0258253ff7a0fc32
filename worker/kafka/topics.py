"""The topics that a worker reads and writes: are they there, do they take what it sends, and did that change?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog

from fsm_core.definition import Finding
from worker.config.errors import CONFLICT, MISSING, ConfigError
from worker.config.models import WorkerConfig
from worker.delivery.backoff import Backoff
from worker.delivery.quarantine import topic_of
from worker.kafka.admin import topic_facts
from worker.kafka.settings import connection
from worker.runtime.ports import TopicFacts, Unavailable

log = structlog.get_logger(__name__)
_DEAD_LETTER_ROOM = 8192
_LOOK_SECONDS = 10.0


async def look_again(config: WorkerConfig, facts: dict[str, TopicFacts]) -> None:
    """What the topics refuse now, put into `facts`. Their partitions stay those of the start: a key keeps its place while this worker runs."""
    try:
        found = await asyncio.wait_for(topic_facts(connection(config), list(facts)), _LOOK_SECONDS)
    except Exception as error:  # noqa: BLE001 - the client raises what it pleases while brokers are away; a lane's recovery goes on without
        log.warning("cannot ask what the topics take", error=repr(error))
        return
    for name, new in found.items():
        new = replace(new, partitions=facts[name].partitions)
        if new != facts[name]:
            log.warning("a topic's settings changed", topic=name, before=str(facts[name]), now=str(new))
            facts[name] = new


async def missing_topics(config: WorkerConfig) -> set[str]:
    """Written topics that are not there now; none where no broker answers: that is no reason to refuse anything."""
    written = _written(config)
    try:
        return written - (await asyncio.wait_for(topic_facts(connection(config), written), _LOOK_SECONDS)).keys()
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("cannot ask which topics are there", error=repr(error))
        return set()


def _written(config: WorkerConfig) -> set[str]:
    topics = {config.dead_letter.topic, config.output.topic, *(r.topic for r in config.output.routes.values())}
    if config.dead_letter.quarantine == "key":
        topics.add(topic_of(config.dead_letter.topic))
    return {name for name in topics if name is not None}


def _dead_letter_topic(config: WorkerConfig, facts: Mapping[str, TopicFacts]) -> list[Finding]:
    """It must take every record that its inputs hold: with a key or without, and with its reasons."""
    name = config.dead_letter.topic
    if facts[name].compacted:
        return [Finding(CONFLICT, "error", f"dead-letter topic {name} is compacted: it takes no record without a key, and keeps one dead letter a key",
                        hint="set its cleanup.policy to delete")]
    return _dead_letter_room(config, facts)


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
    outputs = _written(config)
    books = topic_of(config.dead_letter.topic)
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
    findings = [Finding(MISSING, "error", f"topic {name} does not exist on {config.kafka.bootstrap_servers}", hint="create it before the worker starts" + (", with cleanup.policy=compact" if name == books else ""))
                for name in sorted((outputs | set(config.input.topics)) - facts.keys())]
    findings += _dead_letter_topic(config, facts) if not findings else []
    if books in facts and not facts[books].compacted:
        findings.append(Finding(CONFLICT, "error", f"topic {books} is not compacted: a key in quarantine would be forgotten",
                                hint="set its cleanup.policy to compact"))
    if findings:
        raise ConfigError(findings)
    return facts
