"""What the tools share of a worker file: its machine, its topics' facts, and readers on its brokers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fsm_core.definition import Finding
from worker.config.errors import MISSING, ConfigError
from worker.config.load import LoadedConfig
from worker.config.models import WorkerConfig
from worker.config.rules import resolve
from worker.delivery.quarantine import topic_of
from worker.kafka.admin import topic_facts
from worker.kafka.settings import connection
from worker.kafka.topic_reader import TopicReader
from worker.machines import load_machine, make_active
from worker.runtime.ports import TopicFacts


@dataclass(frozen=True, slots=True)
class Site:
    """A worker file as the tools see it. `active` is the machine with its router, as `run` would make them."""

    config: WorkerConfig
    machine: Any
    facts: dict[str, TopicFacts]

    @property
    def active(self) -> Any:
        """The machine bound to this configuration, and its router."""
        return make_active(self.config, self.machine, self.facts)

    @property
    def outputs(self) -> list[str]:
        """Every topic that outputs go to."""
        return sorted({t for t in (self.config.output.topic, *(r.topic for r in self.config.output.routes.values())) if t})

    @property
    def group(self) -> str:
        """The worker's group."""
        return self.config.kafka.group_id or self.machine.definition.name

    def reader(self, isolation: str = "read_committed") -> TopicReader:
        """A reader on these brokers."""
        return TopicReader(connection(self.config), isolation)


async def visit(loaded: LoadedConfig) -> Site:
    """Load the machine and ask for the topics; raises ConfigError, DocumentError or Unavailable."""
    machine = load_machine(loaded)
    config = resolve(loaded.config, machine.definition)
    site = Site(config, machine, {})
    topics = {*config.input.topics, *site.outputs, config.dead_letter.topic}
    if config.dead_letter.quarantine == "key":
        topics.add(topic_of(config.dead_letter.topic))
    facts = await topic_facts(connection(config), topics)
    require(topics, facts, config)
    site.facts.update(facts)
    return site


def require(topics: Collection[str], facts: Collection[str], config: WorkerConfig) -> None:
    """Raise ConfigError for topics that are not there."""
    if missing := sorted(set(topics) - set(facts)):
        raise ConfigError([Finding(MISSING, "error", f"topic {name} does not exist on {config.kafka.bootstrap_servers}") for name in missing])
