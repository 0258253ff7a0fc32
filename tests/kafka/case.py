"""What the tests of one worker process share: a machine, three topics, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from prometheus_client.parser import text_string_to_metric_families

from tests.kafka.outside import Fed, Read, committed, ends, feed, read
from tests.kafka.worker_process import WorkerProcess, until, worker


def machine(version: str = "1") -> dict[str, Any]:
    """Marks what passes with its version; `bad: true` is rejected, `test: true` dropped."""
    return {"name": "Marks", "version": version, "main_network": "main", "networks": [{"name": "main", "states": [
        {"name": "start", "is_start": True}, {"name": "marked", "set": {"v": version}}, {"name": "done", "is_end": True},
        {"name": "rejected", "is_end": True, "outcome": "error"}, {"name": "ignored", "is_end": True, "outcome": "drop"},
    ], "arcs": [
        {"from": "start", "to": "rejected", "condition": "coalesce(data.bad, False)"},
        {"from": "start", "to": "ignored", "condition": "coalesce(data.test, False)"},
        {"from": "start", "to": "marked", "else": True}, {"from": "marked", "to": "done"},
    ]}]}


def good(i: int) -> bytes:
    """A record that passes."""
    return json.dumps({"i": i}).encode()


@dataclass
class Case:
    """Three topics and a configuration over them."""

    bootstrap: str
    source: str
    out: str
    dlq: str
    folder: Path
    config: dict[str, Any]

    def run(self, folder: str = "one", **sections: Any) -> Any:
        """The worker, with some sections of its configuration replaced."""
        (self.folder / folder).mkdir(exist_ok=True)
        return worker(self.folder / folder, {**self.config, **sections})

    def feed(self, *records: Fed) -> int:
        """Produce to the input."""
        return feed(self.bootstrap, self.source, records)

    def done(self, running: WorkerProcess) -> None:
        """Wait until everything fed is committed."""
        goal = {p: end for p, end in ends(self.bootstrap, self.source).items() if end}
        until(lambda: {p: o for p, o in self.committed().items() if o} == goal, 60, "all of it committed", running)

    def committed(self) -> dict[int, int]:
        """The group's offsets."""
        return committed(self.bootstrap, self.source, self.source)

    def outputs(self) -> list[Read]:
        """What stands in the output topic."""
        return read(self.bootstrap, self.out)

    def dead(self) -> list[Read]:
        """What stands in the dead-letter topic."""
        return read(self.bootstrap, self.dlq)

    def alter(self, topic: str, name: str, value: str) -> None:
        """Change a topic's setting behind the worker's back."""
        change = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        admin = AdminClient({"bootstrap.servers": self.bootstrap})  # held until the answer is here: its end cancels the request
        for changed in admin.incremental_alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[change])]).values():
            changed.result(20)

    def fails(self, **sections: Any) -> str:
        """Its stderr, when it must end with 78 by itself."""
        with self.run(**sections) as running:
            assert running.wait() == 78, running.tail()
            return running.tail()


MakeCase = Callable[..., Case]


def samples(running: WorkerProcess) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of /metrics by name and label values, without the prefix."""
    found = {}
    for family in text_string_to_metric_families(running.get("/metrics")[1]):
        for sample in family.samples:
            found[sample.name.removeprefix("fsm_worker_"), tuple(sample.labels.values())] = sample.value
    return found


def total(found: dict[tuple[str, tuple[str, ...]], float], name: str) -> float:
    """The sum over all labels."""
    return sum(value for (n, _), value in found.items() if n == name)
