"""What every tier shares: its mark, a real Kafka, and topics of one's own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from worker.embedded import EmbeddedKafka, EmbeddedKafkaError
from worker.embedded.provider import Broker, make_broker

HERE = Path(__file__).parent
TIERS = ("unit", "conformance", "properties", "simulation", "contracts", "kafka", "chaos", "ops", "browser")
MakeTopic = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    for tier in TIERS:
        config.addinivalue_line("markers", f"{tier}: the tests of tests/{tier}")
    config.addinivalue_line("markers", "alone: needs a process in which no other thread runs, so none of pytest-xdist's")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if tier in TIERS:
            item.add_marker(getattr(pytest.mark, tier))


def cannot_run(why: str) -> None:
    """Skips with the reason in the summary; fails where CI=true, so that no tier is lost in silence."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """The session's broker: `.bootstrap`, and where it is ours `.kill()` and `.restart()`. Leave it running."""
    broker = make_broker(os.environ)
    try:
        broker.start()
    except EmbeddedKafkaError as error:
        cannot_run(f"no Kafka: {error}")
    yield broker
    broker.stop()


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """An embedded broker for one test alone, to be killed and restarted at will."""
    broker = EmbeddedKafka(heap="256m")
    try:
        broker.start()
    except EmbeddedKafkaError as error:
        cannot_run(f"no Kafka: {error}")
    yield broker
    broker.stop()


@pytest.fixture
def make_topic(kafka: Broker) -> MakeTopic:
    """`make_topic(partitions=1, config=None, name="t") -> str`: a new topic whose name nobody else has."""

    def make(partitions: int = 1, config: Mapping[str, str] | None = None, name: str = "t") -> str:
        return create_topic(kafka.bootstrap, partitions, config, name)

    return make


def create_topic(bootstrap: str, partitions: int = 1, config: Mapping[str, str] | None = None, name: str = "t") -> str:
    """Creates a topic with a unique name beginning with `name` on any broker, and returns it."""
    from confluent_kafka.admin import AdminClient, NewTopic  # the fast tiers need no librdkafka

    unique = f"{name}.{uuid.uuid4().hex[:10]}"
    topic = NewTopic(unique, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
    admin = AdminClient({"bootstrap.servers": bootstrap})  # held until the answer is here: its end cancels the request
    for done in admin.create_topics([topic]).values():
        done.result(30)
    return unique
