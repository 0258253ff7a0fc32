"""Where a test or a demo gets its Kafka: one that is there already, a container, or our own process."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from worker.embedded.docker import DockerKafka, docker_answers
from worker.embedded.errors import EmbeddedKafkaError
from worker.embedded.kafka import EmbeddedKafka

FORCE_VARIABLE = "FSM_KAFKA"
BOOTSTRAP_VARIABLE = "KAFKA_BOOTSTRAP"


class Provider(StrEnum):
    """The ways to a broker; the value is what `FSM_KAFKA` takes."""

    EXTERNAL = "external"
    DOCKER = "docker"
    EMBEDDED = "embedded"


class Broker(Protocol):
    """What every provider's broker can do; only EMBEDDED and DOCKER can `kill` and `restart`."""

    @property
    def bootstrap(self) -> str: ...

    def start(self) -> object: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def restart(self) -> None: ...


class ExternalKafka:
    """A broker that somebody else runs: we neither start nor stop it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """Nothing to do: it runs."""

    def stop(self) -> None:
        """Nothing to do: it is not ours."""

    def kill(self) -> None:
        raise EmbeddedKafkaError(f"{self.bootstrap} is not ours to kill: set {FORCE_VARIABLE}=embedded")

    def restart(self) -> None:
        raise EmbeddedKafkaError(f"{self.bootstrap} is not ours to restart: set {FORCE_VARIABLE}=embedded")


def choose_provider(env: Mapping[str, str]) -> Provider:
    """`FSM_KAFKA` forces one; else `KAFKA_BOOTSTRAP` names one; else Docker if it answers; else our own."""
    forced = env.get(FORCE_VARIABLE)
    if forced:
        try:
            return Provider(forced)
        except ValueError:
            raise EmbeddedKafkaError(f"{FORCE_VARIABLE}={forced}: it takes {', '.join(Provider)}") from None
    if env.get(BOOTSTRAP_VARIABLE):
        return Provider.EXTERNAL
    return Provider.DOCKER if docker_answers() else Provider.EMBEDDED


def make_broker(env: Mapping[str, str]) -> Broker:
    """The chosen provider's broker, not started yet."""
    provider = choose_provider(env)
    if provider is Provider.DOCKER:
        return DockerKafka()
    if provider is Provider.EMBEDDED:
        return EmbeddedKafka()
    bootstrap = env.get(BOOTSTRAP_VARIABLE)
    if not bootstrap:
        raise EmbeddedKafkaError(f"{FORCE_VARIABLE}=external needs {BOOTSTRAP_VARIABLE}=host:port")
    return ExternalKafka(bootstrap)
