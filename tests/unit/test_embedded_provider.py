"""Which Kafka the tests and the demo get, and what is said when there is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from worker.embedded import BrokerFailed, EmbeddedKafka, EmbeddedKafkaError, JavaNotFound, java, provider
from worker.embedded.ports import LAST_PORT, free_port, is_free, kafka_answers
from worker.embedded.provider import ExternalKafka, Provider, choose_provider, make_broker


@pytest.mark.parametrize(
    ("env", "docker", "expected"),
    [
        ({}, False, Provider.EMBEDDED),
        ({}, True, Provider.DOCKER),
        ({"KAFKA_BOOTSTRAP": "b:9092"}, True, Provider.EXTERNAL),
        ({"KAFKA_BOOTSTRAP": "b:9092", "FSM_KAFKA": "embedded"}, True, Provider.EMBEDDED),
        ({"FSM_KAFKA": "docker"}, False, Provider.DOCKER),
    ],
)
def test_order_of_providers(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], docker: bool, expected: Provider) -> None:
    """FSM_KAFKA beats KAFKA_BOOTSTRAP beats Docker beats our own process."""
    monkeypatch.setattr(provider, "docker_answers", lambda: docker)
    assert choose_provider(env) is expected


@pytest.mark.parametrize("env", [{"FSM_KAFKA": "embeded"}, {"FSM_KAFKA": "external"}])
def test_a_wrong_choice_says_what_is_right(env: dict[str, str]) -> None:
    """A misspelt provider, and an external one without an address, are errors and no silent fallback."""
    with pytest.raises(EmbeddedKafkaError, match=r"embedded|KAFKA_BOOTSTRAP"):
        make_broker(env)


def test_an_external_broker_is_not_ours_to_kill() -> None:
    """Nothing here stops a broker that somebody else runs."""
    broker = ExternalKafka("b:9092")
    broker.stop()
    with pytest.raises(EmbeddedKafkaError, match="not ours"):
        broker.restart()


def test_ports_survive_a_restart_and_silence_is_no_broker() -> None:
    """Ports come from below the ephemeral range; a port that is listened on but silent is neither free nor Kafka."""
    port = free_port()
    assert port <= LAST_PORT < 32768
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        assert not kafka_answers(port)
        with pytest.raises(EmbeddedKafkaError, match=f"port {port} is taken"):
            EmbeddedKafka(port=port).start()


def test_no_java_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra and without Java on the PATH the message names the extra."""
    monkeypatch.setattr(java, "_packaged_java", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(JavaNotFound, match=r"fsm-worker\[embedded\]"):
        java.find_java()


def test_a_failed_start_shows_the_log_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Java that refuses ends in BrokerFailed with its own words, and the temporary directory is gone."""
    refusing = tmp_path / "java"
    refusing.write_text("#!/bin/sh\necho the heap is haunted\nexit 3\n", encoding="utf-8")
    refusing.chmod(0o755)
    monkeypatch.setattr("worker.embedded.kafka.find_java", lambda: refusing)
    monkeypatch.setattr("worker.embedded.kafka.kafka_jars", list)
    broker = EmbeddedKafka()
    with pytest.raises(BrokerFailed, match="the heap is haunted"):
        broker.start()
    assert broker.log_path is None
