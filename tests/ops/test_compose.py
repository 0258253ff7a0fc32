"""The stack as `docker compose up` brings it, all but Grafana: no image of Grafana is at hand where these tests were made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.rig import await_true
from tests.conftest import cannot_run
from tests.ops.conftest import ROOT

pytestmark = pytest.mark.timeout(600)  # a first run fetches images
LEFT_OUT = {"grafana"}
FREE_PORTS = {"WORKER_PORT": "0", "PROMETHEUS_PORT": "0", "GRAFANA_PORT": "0"}


class Stack:
    """One project of the compose file, under a name and on ports that nobody else has."""

    def __init__(self, command: list[str]) -> None:
        self.project = f"fsm-worker-test-{uuid.uuid4().hex[:8]}"
        self._command = [*command, "--project-name", self.project, "--file", str(ROOT / "docker-compose.yml")]

    def run(self, *arguments: str) -> str:
        """A Compose command's output; it must succeed."""
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=400, check=False, env={**os.environ, **FREE_PORTS})
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def address(self, service: str, port: int) -> str:
        """Where a service's port is reached."""
        return f"http://{self.run('port', service, str(port)).strip()}"

    def container(self, service: str) -> Any:
        """What the engine knows of a service's only container, ended ones included."""
        (found,) = self.run("ps", "--all", "--quiet", service).split()
        return json.loads(subprocess.run(["docker", "inspect", found], capture_output=True, text=True, timeout=60, check=True).stdout)[0]


class Prometheus:
    """The stack's."""

    def __init__(self, up: Stack) -> None:
        self._api = f"{up.address('prometheus', 9090)}/api/v1"

    def value(self, expr: str) -> float:
        """The sum of an expression's series now; 0 without any, and while nobody answers."""
        status, text = get(f"{self._api}/query?{urllib.parse.urlencode({'query': expr})}")
        return sum(float(each["value"][1]) for each in json.loads(text)["data"]["result"]) if status == 200 else 0.0

    def evaluated(self) -> list[dict[str, Any]]:
        """Every rule; none until each was evaluated."""
        found = [rule for group in json.loads(get(f"{self._api}/rules")[1])["data"]["groups"] for rule in group["rules"]]
        return [] if any(rule["health"] == "unknown" for rule in found) else found


def get(url: str) -> tuple[int, str]:
    """Status and text; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def compose_command() -> list[str]:
    """`docker compose`, or the older way to call it."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, timeout=60, check=False).returncode == 0:
            return command
    cannot_run("no Docker Compose: the stack cannot be brought up")
    raise AssertionError


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The project, not up yet."""
    return Stack(compose_command())


@pytest.fixture(scope="module")
def up(stack: Stack, image: str, compose: dict[str, Any]) -> Iterator[Stack]:
    """Everything up but what is left out; down again with its volumes."""
    try:
        stack.run("up", "--detach", "--no-build", *sorted(set(compose) - LEFT_OUT))
        yield stack
    finally:
        stack.run("down", "--volumes", "--timeout", "40")


def test_compose_accepts_the_file(stack: Stack, compose: dict[str, Any]) -> None:
    """`config` has nothing against it, and sees every service, Grafana too."""
    assert stack.run("config", "--quiet") == ""
    assert set(stack.run("config", "--services").split()) == set(compose)


def test_orders_flow_through_the_stack(up: Stack) -> None:
    """The topics are made, the worker is ready, and orders come out: good ones, big ones, and the dead letters of the bad."""
    worker = up.address("worker", 9464)
    await_true("the worker is ready", lambda: get(f"{worker}/readyz")[0] == 200, 120, 0.5)
    assert up.container("topics")["State"]["ExitCode"] == 0
    await_true("outputs and dead letters", lambda: (totals := json.loads(get(f"{worker}/status")[1])["totals"])["produced"] > 500 and totals["dead_lettered"], 60, 0.5)
    await_true("healthy", lambda: up.container("worker")["State"]["Health"]["Status"] == "healthy", 90, 1)


def test_prometheus_sees_the_workers_and_evaluates_the_rules(up: Stack) -> None:
    """It finds the worker by the service's name, scrapes it, and no rule has an error; no alert is firing."""
    prometheus = Prometheus(up)
    await_true("the worker is scraped", lambda: prometheus.value('up{job="fsm-worker"}') == 1, 60, 0.5)
    await_true("a rate of outputs", lambda: prometheus.value('sum(rate(fsm_worker_records_processed_total{outcome="output"}[20s]))') > 0, 60, 0.5)
    await_true("a recording", lambda: prometheus.value("count(topic:fsm_worker_consumer_lag_records:sum)") == 1, 60, 0.5)
    rules = await_true("every rule evaluated", prometheus.evaluated, 60, 0.5)
    assert {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def test_two_workers_share_the_partitions(up: Stack) -> None:
    """`--scale worker=2`: Prometheus finds both, and each partition has one owner."""
    prometheus = Prometheus(up)
    up.run("up", "--detach", "--no-build", "--no-recreate", "--scale", "worker=2", "worker")
    await_true("both own partitions", lambda: prometheus.value("count(sum by (instance) (fsm_worker_partitions_assigned) > 0)") == 2, 90, 0.5)
    await_true("three in all", lambda: prometheus.value("sum(fsm_worker_partitions_assigned)") == 3, 60, 0.5)
    up.run("up", "--detach", "--no-build", "--no-recreate", "--scale", "worker=1", "worker")
    await_true("one owns them all", lambda: prometheus.value("max(fsm_worker_partitions_assigned)") == 3, 60, 0.5)


@pytest.mark.parametrize("service", ["worker", "feeder"])
def test_our_containers_are_locked_down(up: Stack, service: str) -> None:
    """What the file asks for is what the engine does."""
    found = up.container(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "10001:10001" and host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"] and not host["Privileged"]
    assert host["Memory"] and host["PidsLimit"]
    assert not [mount for mount in found["Mounts"] if mount["RW"]]
    assert all(bound["HostIp"] == "127.0.0.1" for bindings in host["PortBindings"].values() for bound in bindings)


def test_stopped_it_drains_and_down_leaves_nothing(up: Stack) -> None:
    """The worker and the feeder end with 0 within their grace period; after `down` no container or network is left."""
    up.run("stop", "worker", "feeder")
    assert [up.container(service)["State"]["ExitCode"] for service in ("worker", "feeder")] == [0, 0]
    up.run("down", "--volumes", "--timeout", "40")
    for kind in ("container", "network", "volume"):
        command = ["docker", kind, "ls", "--quiet", "--filter", f"label=com.docker.compose.project={up.project}", *(["--all"] if kind == "container" else [])]
        assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == ""
