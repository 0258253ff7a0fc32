"""Fixtures of the chaos tests: a broker whose network can be made bad."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Network, Proxy, Weather
from tests.conftest import cannot_run
from worker.embedded import EmbeddedKafkaError
from worker.embedded.kafka import EmbeddedKafka
from worker.embedded.ports import free_port


@pytest.fixture(scope="session")
def broker_behind_a_proxy() -> Iterator[Network]:
    door, outside = free_port(), free_port()
    broker = EmbeddedKafka(heap="256m", doors={door: outside})
    try:
        broker.start()
    except EmbeddedKafkaError as error:
        cannot_run(f"no Kafka: {error}")
    try:
        with Proxy(outside, door) as proxy:
            yield broker, proxy
    finally:
        broker.stop()


@pytest.fixture
def network(broker_behind_a_proxy: Network) -> Iterator[Network]:
    """The broker for who is not disturbed, and the proxy for who is; the weather is fine again afterwards."""
    yield broker_behind_a_proxy
    broker_behind_a_proxy[1].set(Weather())
    broker_behind_a_proxy[1].cut()
