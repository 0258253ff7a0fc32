"""The broker every other test of this tier stands on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka.admin import AdminClient, NewTopic

from worker.embedded import EmbeddedKafka
from worker.embedded.provider import Broker

VALUES = [b"one", b"two", b"three"]


async def produce(bootstrap: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for value in VALUES:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume(bootstrap: str, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in VALUES]
    finally:
        await consumer.stop()


async def test_what_is_produced_is_consumed(kafka: Broker, make_topic: Callable[..., str]) -> None:
    """A record written to a fresh topic is read back as it was."""
    topic = make_topic()
    await produce(kafka.bootstrap, topic)
    assert await consume(kafka.bootstrap, topic) == VALUES


async def test_a_restart_keeps_address_and_data(own_kafka: EmbeddedKafka) -> None:
    """After an orderly restart and after a SIGKILL the same address serves the same records."""
    address = own_kafka.bootstrap
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(30)
    del admin
    await produce(address, "kept")
    own_kafka.restart()
    assert await consume(address, "kept") == VALUES
    own_kafka.kill()
    assert own_kafka.pid is None
    own_kafka.restart()
    assert own_kafka.bootstrap == address
    assert await consume(address, "kept") == VALUES


def test_a_temporary_data_directory_goes_with_the_broker() -> None:
    """stop() leaves neither a process nor a directory behind."""
    with EmbeddedKafka(heap="256m") as broker:
        pid, log = broker.pid, broker.log_path
        assert pid and log and log.exists()
    assert not psutil.pid_exists(pid)
    assert not log.parent.exists()


def test_the_broker_verb_ends_on_sigterm() -> None:
    """`broker --json` prints one line with the address, and SIGTERM ends it and its broker with exit code 0."""
    verb = _start_verb()
    try:
        address = json.loads(_first_line(verb))["bootstrap_servers"]
        assert address.startswith("127.0.0.1:")
        brokers = psutil.Process(verb.pid).children()
        verb.send_signal(signal.SIGTERM)
        assert verb.wait(30) == 0
    finally:
        _end(verb)
    assert not [child for child in brokers if child.is_running()]


def test_the_broker_dies_with_a_killed_parent() -> None:
    """A SIGKILL of the process that started it takes the broker along, and its temporary data."""
    verb = _start_verb()
    try:
        _first_line(verb)
        java = next(child for child in psutil.Process(verb.pid).children() if "java" in child.name())
        data = Path(java.cmdline()[-1]).parent
        os.kill(verb.pid, signal.SIGKILL)
    finally:
        _end(verb)
    deadline = time.monotonic() + 15
    while (java.is_running() or data.exists()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not java.is_running()
    assert not data.exists()


def _start_verb() -> subprocess.Popen[bytes]:
    code = "import typer; from worker.cli.broker import broker; typer.run(broker)"
    return subprocess.Popen([sys.executable, "-c", code, "--json"], stdout=subprocess.PIPE)


def _first_line(verb: subprocess.Popen[bytes]) -> bytes:
    assert verb.stdout is not None
    return verb.stdout.readline()


def _end(verb: subprocess.Popen[bytes]) -> None:
    verb.kill()
    verb.wait()
    assert verb.stdout is not None
    verb.stdout.close()
