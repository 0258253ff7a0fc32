"""The same broker as a container, through testcontainers, where a Docker daemon answers."""

from __future__ import annotations

import importlib
import os
import time
from typing import Any

from worker.embedded.errors import BrokerFailed
from worker.embedded.jars import KAFKA_VERSION
from worker.embedded.ports import free_port, kafka_answers
from worker.embedded.settings import TUNING

START_TIMEOUT = 120.0


def docker_answers() -> bool:
    """Whether testcontainers is installed and a Docker daemon answers within two seconds."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if host.startswith("unix://") and not os.path.exists(host.removeprefix("unix://")):
        return False  # the client would leak the socket that it cannot connect
    try:
        client = importlib.import_module("docker").from_env(timeout=2)
        importlib.import_module("testcontainers.core.container")
    except Exception:  # noqa: BLE001 - whatever keeps the client from starting means: no Docker here
        return False
    try:
        return bool(client.ping())
    except Exception:  # noqa: BLE001 - the client raises what its transport raises
        return False
    finally:
        client.close()


class DockerKafka:
    """One broker in a container, on a fixed loopback port so that a restart has the same address."""

    def __init__(self) -> None:
        self._port = free_port()
        self._container: Any = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the container and returns when the broker answers."""
        containers = importlib.import_module("testcontainers.core.container")
        container = containers.DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(self._port, self._port)
        for name, value in self._settings().items():
            container = container.with_env("KAFKA_" + name.upper().replace(".", "_"), str(value))
        self._container = container.start()
        self._await_answer()

    def stop(self) -> None:
        """Removes the container with its data."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def kill(self) -> None:
        """SIGKILL; the container and its data stay for `restart()`."""
        self._container.get_wrapped_container().kill()

    def restart(self) -> None:
        """Stops the broker in good order if it runs, and starts it on the same port and data."""
        self._container.get_wrapped_container().restart()
        self._await_answer()

    def _settings(self) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": "1@localhost:9093",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://:{self._port},CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            **TUNING,
        }

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not kafka_answers(self._port):
            if time.monotonic() > deadline:
                logs = b"".join(self._container.get_logs())[-4000:].decode("utf-8", "replace")
                raise BrokerFailed(f"the container did not answer on port {self._port}", logs)
            time.sleep(0.1)
