"""The worker's image as it is shipped: built by an engine, run as Compose runs it, beside a Kafka in a container."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.chaos.rig import await_true
from tests.kafka.outside import committed, ends, read
from tests.ops.conftest import ROOT
from worker.demo import topics
from worker.demo.feeder import Fate, Ledger, feed
from worker.embedded.ports import free_port, kafka_answers

pytestmark = pytest.mark.timeout(600)  # a first build fetches what it installs
RATE = 500
CONFIG = "/etc/fsm-worker"


@contextmanager
def feeding(bootstrap: str) -> Iterator[Callable[[], Ledger]]:
    """The demo's orders from a thread; the call ends them and returns the ledger of what the broker acknowledged."""
    ledger, end, loop = Ledger(), asyncio.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(feed(bootstrap, topics.INPUT, ledger, end, RATE),), daemon=True)

    def stop() -> Ledger:
        if not loop.is_closed():
            loop.call_soon_threadsafe(end.set)
            thread.join(30)
            loop.close()
        return ledger

    thread.start()
    try:
        yield stop
    finally:
        stop()


@pytest.fixture(scope="module")
def network(image: str) -> Iterator[Any]:
    """A network of our own."""
    from testcontainers.core.network import Network

    with Network() as made:
        yield made


@pytest.fixture(scope="module")
def broker(network: Any, compose: dict[str, Any]) -> Iterator[str]:
    """The compose file's Kafka with one listener more, for this process; its address from here. It has the demo's topics."""
    from testcontainers.core.container import DockerContainer

    port, settings = free_port(), dict(compose["kafka"]["environment"])
    settings["KAFKA_LISTENERS"] += f",HOST://:{port}"
    settings["KAFKA_ADVERTISED_LISTENERS"] += f",HOST://127.0.0.1:{port}"
    settings["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] += ",HOST:PLAINTEXT"
    container = DockerContainer(compose["kafka"]["image"]).with_network(network).with_network_aliases("kafka").with_bind_ports(port, port).with_envs(**settings)
    with container:
        await_true("Kafka answers", lambda: kafka_answers(port), 120, 0.5)
        asyncio.run(topics.create(f"127.0.0.1:{port}"))
        yield f"127.0.0.1:{port}"


@contextmanager
def running(image: str, network: Any, service: dict[str, Any]) -> Iterator[Any]:
    """A container as the compose file describes the worker; the engine's own handle of it."""
    from testcontainers.core.container import DockerContainer

    hardened = {key: service[key] for key in ("read_only", "user", "cap_drop", "security_opt", "mem_limit", "pids_limit")}
    container = DockerContainer(image).with_network(network).with_envs(**service["environment"]).with_kwargs(**hardened)
    for mount in service["tmpfs"]:
        container = container.with_tmpfs_mount(*mount.split(":"))
    for volume in service["volumes"]:
        source, target, mode = volume.split(":")
        container = container.with_volume_mapping(ROOT / source, target, mode)
    with container:
        yield container.get_wrapped_container()


def health(container: Any) -> str:
    """What the image's own HEALTHCHECK says."""
    container.reload()
    assert container.status == "running", container.logs().decode()[-3000:]
    return str(container.attrs["State"]["Health"]["Status"])


def inside(container: Any, *command: str) -> tuple[int, str]:
    """Exit code and output of a command in the container."""
    code, output = container.exec_run(list(command))
    return code, output.decode().strip()


def stop(container: Any, grace: int) -> int:
    """`docker stop`, and the exit code; the engine kills (137) what outlasts the grace period."""
    container.stop(timeout=grace)
    return int(container.wait(timeout=10)["StatusCode"])


def grace(service: dict[str, Any]) -> int:
    """The compose file's grace period in seconds."""
    return int(service["stop_grace_period"].removesuffix("s"))


def test_it_drains_when_docker_stops_it_and_loses_nothing(image: str, network: Any, broker: str, compose: dict[str, Any]) -> None:
    """Healthy, then stopped in the middle of its work with exit 0, then a second one ends the work: each record once, where it belongs."""
    service = compose["worker"]

    def done() -> dict[int, int]:
        return committed(broker, topics.GROUP, topics.INPUT)

    with feeding(broker) as stop_feeding:
        with running(image, network, service) as first:
            await_true("healthy by the image's own check", lambda: health(first) == "healthy", 90, 0.5)
            assert inside(first, "fsm-worker", "health", "--ready", "--live")[0] == 0
            await_true("it works", lambda: sum(done().values()) > 1000, 60)
            assert stop(first, grace(service)) == 0, first.logs().decode()[-3000:]
        held = sum(done().values())
        with running(image, network, service) as second:
            await_true("the second works on", lambda: sum(done().values()) > held, 90)
            fates = stop_feeding().fates.items()
            await_true("all of it committed", lambda: done() == ends(broker, topics.INPUT), 60)
            assert stop(second, grace(service)) == 0
    for fate, where in ((Fate.PRODUCED, topics.OUTPUTS), (Fate.DEAD_LETTERED, (topics.DEAD_LETTERS,))):
        found = Counter(r.key for topic in where for r in read(broker, topic))
        assert found == Counter(key for key, each in fates if each is fate) and len(found) > 10


def test_it_can_do_nothing_but_its_work(image: str, network: Any, broker: str, compose: dict[str, Any]) -> None:
    """Not root, no capability, nothing to write but its /tmp, nothing to install with; PID 1 is the worker itself."""
    with running(image, network, compose["worker"]) as container:
        await_true("healthy", lambda: health(container) == "healthy", 90, 0.5)
        assert inside(container, "id", "-u") == (0, "10001")
        for path in ("/x", "/opt/fsm-worker/x", f"{CONFIG}/worker.yaml"):
            assert inside(container, "touch", path)[0] != 0, path
        assert inside(container, "touch", "/tmp/x")[0] == 0
        status = inside(container, "cat", "/proc/1/status")[1]
        assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
        assert inside(container, "/opt/fsm-worker/bin/python", "-c", "import pip")[0] == 1
        assert "fsm-worker" in inside(container, "cat", "/proc/1/cmdline")[1]
        assert stop(container, grace(compose["worker"])) == 0


def test_it_ends_when_no_broker_is_there(image: str, network: Any, compose: dict[str, Any]) -> None:
    """Unhealthy is no reason to be killed: a worker that waits for its broker ends with 0 when Docker stops it."""
    lonely = compose["worker"] | {"environment": {"FSM_WORKER__KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}}
    with running(image, network, lonely) as container:
        await_true("it says that there is no broker", lambda: b"broker" in container.logs(), 30, 0.2)
        assert health(container) != "healthy"
        assert stop(container, grace(lonely)) == 0


def test_the_image_says_what_it_is(image: str) -> None:
    """OCI labels, a numeric user, SIGTERM, a health check, and no configuration of the machine that built it."""
    from testcontainers.core.docker_client import DockerClient

    client = DockerClient().client
    config = client.images.get(image).attrs["Config"]
    client.close()
    assert config["User"] == "10001:10001" and config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "fsm-worker", "health"]
    assert config["Labels"]["org.opencontainers.image.title"] == "fsm-worker"
    assert config["Labels"]["org.opencontainers.image.version"] == image.rsplit(":", 1)[1]
