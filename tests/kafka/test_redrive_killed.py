"""A redrive is killed again and again while it sends, and goes on: nothing is lost, nothing comes twice to who reads what is committed.

FSM_TEST_LETTERS says how many letters (1,200 unless given; the full measure is 10,000), FSM_KILLS how often it dies (3; 15).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from ruamel.yaml import YAML

from tests.kafka.case import Case, MakeCase
from tests.kafka.outside import Fed, Read, read
from tests.kafka.test_dlq import bad, mended, written
from tests.kafka.worker_process import ROOT

LETTERS, KILLS = int(os.environ.get("FSM_TEST_LETTERS", "1200")), int(os.environ.get("FSM_KILLS", "3"))
PARTITIONS, KEYS, PATIENCE = 3, 97, 60.0


def begun(case: Case, *arguments: str) -> subprocess.Popen[str]:
    """`fsm-worker dlq redrive --yes` as a process of its own."""
    file = Path(case.folder) / "redrive.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump(case.config, out)
    command = [sys.executable, "-m", "worker", "dlq", "redrive", "-c", str(file), "--yes", "--json", "--rate", "0", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Watch:
    """How much stands in a topic, settled or not, asked over one connection: a kill is to come within milliseconds."""

    def __init__(self, case: Case, topic: str) -> None:
        self._case, self._topic = case, topic
        self._client = Consumer({"bootstrap.servers": case.bootstrap, "group.id": "watch", "isolation.level": "read_uncommitted"})

    def close(self) -> None:
        """Ask no more."""
        self._client.close()

    def count(self) -> int:
        """All that was ever written."""
        return sum(self._client.get_watermark_offsets(TopicPartition(self._topic, p), timeout=20)[1] for p in range(PARTITIONS))

    def kill(self, more: int, pause: float, *arguments: str) -> bool:
        """Kill a redrive when so much more is written, in a transaction or not; False when it was done before."""
        start, deadline = self.count(), time.monotonic() + PATIENCE
        with begun(self._case, *arguments) as process:
            while process.poll() is None and self.count() - start <= more:
                assert time.monotonic() < deadline, "it sends nothing"
            time.sleep(pause)  # the moment of the kill is what is random
            running = process.poll() is None
            process.kill()
        return running


def keyed(records: list[Read]) -> dict[bytes | None, list[int]]:
    """The numbers of each key, in order."""
    found: dict[bytes | None, list[int]] = {}
    for record in records:
        found.setdefault(record.key, []).append(json.loads(record.value or b"")["i"])
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["back", "through"])
def test_a_redrive_that_is_killed_goes_on(make_case: MakeCase, way: str) -> None:
    """Each letter once and in its key's order, byte for byte; what a reader of uncommitted records sees besides is counted."""
    case, chance = make_case(PARTITIONS), random.Random(5)
    assert len(written(case, *(Fed(b"k%d" % (i % KEYS), bad(i)) for i in range(LETTERS)))) == LETTERS
    if way == "through":
        case.config["machine"] = mended()
    topic, arguments = (case.source, ()) if way == "back" else (case.out, ("--through",))
    kills, watch = 0, Watch(case, topic)
    while kills < KILLS and watch.kill(chance.randrange(LETTERS // KILLS), chance.uniform(0, 0.03), *arguments):
        kills += 1
    watch.close()
    assert kills, "none of them was killed in time"
    with begun(case, *arguments) as last:
        out, error = last.communicate(timeout=PATIENCE)
    assert last.returncode == 0, error
    report = json.loads(out)
    assert report["left"] == {} and report["looked_at"] <= LETTERS
    there = [r for r in read(case.bootstrap, topic) if way == "through" or "fsm.redrives" in r.told]
    counts = Counter(json.loads(r.value or b"")["i"] for r in there)
    assert sorted(counts) == list(range(LETTERS)), "lost"
    assert set(counts.values()) == {1}, "doubled"
    assert all(numbers == sorted(numbers) for numbers in keyed(there).values()), "out of order"
    assert way == "through" or all(r.value == bad(json.loads(r.value or b"")["i"]) for r in there)
    everything = [r for r in read(case.bootstrap, topic, "read_uncommitted") if way == "through" or "fsm.redrives" in r.told]
    print(f"{way}: {LETTERS} letters, {kills} kills, the last one sent {report['sent']}; 0 lost, 0 doubled; {len(everything) - LETTERS} records were taken back")
