"""The embedded broker's server.properties: one node, KRaft, tuned for short-lived groups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TUNING: dict[str, object] = {
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 8,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "auto.create.topics.enable": "false",
    # A killed broker may register again only when its old session has expired: 9 s by default.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
}


def server_properties(data_dir: Path, port: int, controller_port: int, doors: Mapping[int, int] | None = None) -> str:
    """The text of server.properties for one node that is broker and controller; `doors` as `EmbeddedKafka` has them."""
    further = {f"DOOR{n}": door for n, door in enumerate((doors or {}).items())}
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": _listeners({"PLAINTEXT": port, "CONTROLLER": controller_port, **{name: own for name, (own, _) in further.items()}}),
        "advertised.listeners": _listeners({"PLAINTEXT": port, **{name: told for name, (_, told) in further.items()}}),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *further)),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data_dir / "log",
        **TUNING,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _listeners(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
