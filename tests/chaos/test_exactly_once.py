"""Exactly once on a real broker under a storm: kills at random moments and at named points, stops beyond the session, broker restarts.

A small storm by default; FSM_CHAOS=1 is the one whose figures docs/guarantees.md tells: 100 kills, 20 stops, 20 restarts of the broker.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.crashing import BETWEEN, POINTS
from tests.chaos.reading import Offsets, judge
from tests.chaos.rig import ALERT_SECONDS, Feed, Topics, Worker, alert, await_leaders, await_true, three_topics, workers
from tests.conftest import create_topic
from worker.embedded.kafka import EmbeddedKafka
from worker.embedded.provider import Broker

Report = Callable[[str, object], None]
# the plug-ins' own event loops leave a socket behind, found by whichever test comes next
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PARTITIONS = 4
SCALED = float(os.environ.get("FSM_CHAOS", "0"))
KILLS, STOPS, RESTARTS = (int(most * SCALED) if SCALED else least for most, least in ((100, len(POINTS)), (20, 1), (20, 2)))


class Storm:
    """Two members and a broker, and one disturbance after the other; each is over when the group goes on."""

    def __init__(self, broker: EmbeddedKafka, topics: Topics, members: tuple[Worker, ...], seed: int) -> None:
        self._broker, self._topics, self._members, self._chance = broker, topics, members, random.Random(seed)
        self.done: Counter[str] = Counter()

    def kill(self, point: str) -> None:
        """A member dies: at a named point, or at any moment."""
        victim, other = self._chance.sample(self._members, 2)
        if point:
            victim.kill()
            victim.start(f"{point}:{self._chance.randint(1, 12) if point not in ('in_revoke', 'after_fence') else 1}")
            if point == "in_revoke":
                await_true("it has partitions", lambda: victim.code is not None or victim.status().get("partitions"), 30)
                other.kill()
                other.start()  # its joining makes the group take partitions away
            await_true(f"killed at {point}\n{victim.log()}", lambda: victim.code is not None, 40)
        else:
            time.sleep(self._chance.uniform(0, 1.5))  # the moment is what is random
            victim.kill()
        assert victim.code == -signal.SIGKILL, victim.log()
        victim.start()
        self.done["kills" if not point else "kills at a point"] += 1 if point != "in_revoke" else 2

    def stop(self) -> None:
        """A member stands still for longer than its session."""
        victim = self._chance.choice(self._members)
        victim.send(signal.SIGSTOP)
        time.sleep(self._chance.uniform(ALERT_SECONDS + 0.5, ALERT_SECONDS + 3.5))  # its length is the disturbance
        victim.send(signal.SIGCONT)
        self.done["stops"] += 1

    def restart(self, kind: str) -> None:
        """The broker dies, or ends in good order."""
        if kind == "killed":
            self._broker.kill()
            time.sleep(self._chance.uniform(0, 2))  # its length is the disturbance
        self._broker.restart()
        await_leaders(self._broker, self._topics)
        self.done[f"broker {kind}"] += 1


def plan(chance: random.Random, guarantee: str) -> list[tuple[str, str]]:
    """All disturbances, shuffled: every second kill at a named point where there are enough of them; the points are those of transactions."""
    points = [POINTS[n // 2 % len(POINTS)] if n % 2 else "" for n in range(KILLS)] if SCALED else list(POINTS)
    points = points if guarantee == "exactly_once" else [""] * KILLS
    found = [("kill", p) for p in points] + [("stop", "")] * STOPS + [("restart", "killed" if n % 2 else "ended") for n in range(RESTARTS)]
    chance.shuffle(found)
    return found


@pytest.mark.timeout(120 if not SCALED else 3600)
@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"] if SCALED else ["exactly_once"])
def test_a_storm_neither_loses_nor_doubles_nor_disorders(own_kafka: EmbeddedKafka, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """I3 and I4: an independent read_committed reader finds every record once, each key in order. At least once nothing is lost."""
    seed = int(os.environ.get("FSM_SEED", "7"))
    bootstrap, chance = own_kafka.bootstrap, random.Random(seed)
    topics = three_topics(bootstrap, PARTITIONS)
    config = alert(tmp_path, bootstrap, topics, guarantee)
    with workers(Worker(config, "a"), Worker(config, "b")) as members, Feed(bootstrap, topics.input, PARTITIONS, 500, seed=seed) as feed:
        for member in members:
            member.ready()
        offsets = Offsets(bootstrap, topics)
        storm = Storm(own_kafka, topics, members, seed)
        for verb, how in plan(chance, guarantee):
            storm.stop() if verb == "stop" else getattr(storm, verb)(how)
            offsets.await_progress(members)
        sent = feed.stop()
        seconds = offsets.await_end(60)
        offsets.close()
        verdict = judge(bootstrap, topics, sent)
        told = f"{dict(storm.done)}: {verdict}, at the end after {seconds:.1f} s"
        record_property("verdict", told)
        print(told)
        assert not verdict.lost, verdict
        assert guarantee == "at_least_once" or (verdict.duplicates, verdict.disordered) == (0, 0), verdict


@pytest.mark.timeout(90)
def test_the_control_is_caught(kafka: Broker, tmp_path: Path, record_property: Report) -> None:
    """The same judge over a worker that commits outputs and offsets in two transactions, killed between them: it finds what is doubled."""
    topics = three_topics(kafka.bootstrap, PARTITIONS)
    worker = Worker(alert(tmp_path, kafka.bootstrap, topics))
    with workers() as _, Feed(kafka.bootstrap, topics.input, PARTITIONS, 500) as feed:
        try:
            worker.start(f"{BETWEEN}:8", weaken="apart")
            await_true("killed", lambda: worker.code is not None, 40)
            worker.start()
            sent = feed.stop()
            offsets = Offsets(kafka.bootstrap, topics)
            offsets.await_end(40)
            offsets.close()
        finally:
            worker.kill()
        verdict = judge(kafka.bootstrap, topics, sent)
        record_property("verdict", str(verdict))
        assert verdict.duplicates and not verdict.lost, verdict


@pytest.mark.timeout(90)
def test_a_chain_comes_to_its_end(kafka: Broker, tmp_path: Path) -> None:
    """A second worker reads what the first commits: its offsets pass the markers, so lag reads 0, and every record is through once."""
    first = three_topics(kafka.bootstrap, PARTITIONS)
    second = Topics(first.output, create_topic(kafka.bootstrap, PARTITIONS, name="end"), first.dead)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    chain = [Worker(alert(tmp_path / name, kafka.bootstrap, topics)) for name, topics in (("a", first), ("b", second))]
    with workers(*chain) as members:
        for member in members:
            member.ready()
        with Feed(kafka.bootstrap, first.input, PARTITIONS, 0) as feed:
            feed.put(3000)
            sent = feed.stop()
        for topics in (first, second):
            offsets = Offsets(kafka.bootstrap, topics)
            offsets.await_end(30)
            offsets.close()
        await_true("lag reads 0", lambda: all(p["lag"] == 0 for p in chain[1].status()["partitions"]), 10)
        assert chain[1].metric("fsm_worker_transactions_total") > 0
        assert [m.terminate() for m in members] == [0, 0]
    verdict = judge(kafka.bootstrap, second, sent)
    assert (verdict.lost, verdict.duplicates, verdict.disordered) == (0, 0, 0), verdict
