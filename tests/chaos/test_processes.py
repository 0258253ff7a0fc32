"""Members die, are told to end, and come back as zombies, under load."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.reading import Offsets, judge
from tests.chaos.rig import ALERT_SECONDS, Feed, Topics, Worker, alert, await_true, configuration, three_topics, workers
from worker.embedded.provider import Broker

# the plug-ins' own event loops leave a socket behind, found by whichever test comes next
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PARTITIONS = 6
Report = Callable[[str, object], None]


@pytest.fixture
def topics(kafka: Broker) -> Topics:
    return three_topics(kafka.bootstrap, PARTITIONS)


@pytest.mark.timeout(150)
def test_random_kills_lose_nothing(kafka: Broker, topics: Topics, tmp_path: Path, record_property: Report) -> None:
    """Eight SIGKILLs of two members under load, each started again at once: no record is lost, first occurrences keep each key's order."""
    chance = random.Random(20)
    config = alert(tmp_path, kafka.bootstrap, topics, "at_least_once")
    with workers(Worker(config, "a"), Worker(config, "b")) as members, Feed(kafka.bootstrap, topics.input, PARTITIONS, 1000) as feed:
        for member in members:
            member.ready()
        offsets = Offsets(kafka.bootstrap, topics)
        for _ in range(8):
            time.sleep(chance.uniform(0.3, 2.5))  # the moment of the kill is what is random
            victim = chance.choice(members)
            victim.kill()
            victim.start()
        before = sum(offsets.committed().values())
        await_true("the group goes on after the last kill", lambda: sum(offsets.committed().values()) > before, 40)
        sent = feed.stop()
        seconds = offsets.await_end(40)
        offsets.close()
        verdict = judge(kafka.bootstrap, topics, sent)
        record_property("verdict", f"{verdict}, at the end after {seconds:.1f} s")
        print(verdict, f"at the end after {seconds:.1f} s")
        assert (verdict.lost, verdict.disordered) == (0, 0), verdict


@pytest.mark.timeout(90)
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_drain_neither_loses_nor_doubles(kafka: Broker, topics: Topics, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """SIGTERM under load: exit code 0; after the restart nothing is lost and nothing doubled."""
    worker = Worker(configuration(tmp_path, kafka.bootstrap, topics, delivery={"guarantee": guarantee}))
    with workers(worker), Feed(kafka.bootstrap, topics.input, PARTITIONS, 4000) as feed:
        worker.ready()
        offsets = Offsets(kafka.bootstrap, topics)
        for _ in range(2):
            before = sum(offsets.committed().values())
            await_true("it works", lambda b=before: sum(offsets.committed().values()) > b + 2000, 20)
            started = time.monotonic()
            assert worker.terminate() == 0, worker.log()
            record_property("drain", f"{time.monotonic() - started:.2f} s")
            worker.start().ready()
        sent = feed.stop()
        offsets.await_end(30)
        offsets.close()
        verdict = judge(kafka.bootstrap, topics, sent)
        record_property("verdict", str(verdict))
        print(verdict)
        assert (verdict.lost, verdict.duplicates, verdict.disordered) == (0, 0, 0), verdict


@pytest.mark.timeout(90)
def test_a_zombie_moves_no_offset(kafka: Broker, topics: Topics, tmp_path: Path, record_property: Report) -> None:
    """A member stopped for longer than its session is replaced; woken up it sends nothing and its commits have no effect, it joins again, and nothing is lost."""
    config = alert(tmp_path, kafka.bootstrap, topics, "at_least_once")
    zombie, heir = Worker(config, "zombie"), Worker(config, "heir")
    with workers(zombie, heir), Feed(kafka.bootstrap, topics.input, PARTITIONS, 1000) as feed:
        await_true("both have partitions", lambda: all(len(w.status().get("partitions", ())) == PARTITIONS // 2 for w in (zombie, heir)), 40)
        offsets = Offsets(kafka.bootstrap, topics)
        held = {p["partition"]: p["position"] for p in zombie.status()["partitions"]}
        await_true("the zombie works", lambda: all(offsets.committed()[n] > at for n, at in held.items()), 20)
        await_true("what came before them is done", lambda: sum(offsets.ends().values()) - sum(offsets.committed().values()) < 300, 30)
        zombie.send(signal.SIGSTOP)
        started = time.monotonic()
        await_true("the heir has everything", lambda: len(heir.status().get("partitions", ())) == PARTITIONS, ALERT_SECONDS + 15)
        record_property("taken over", f"{time.monotonic() - started:.1f} s")
        at = offsets.committed()
        await_true("the heir is past the zombie", lambda: all(offsets.committed()[n] > at[n] + 100 for n in held), 20)
        high = offsets.committed()
        zombie.send(signal.SIGCONT)
        rejoined = False
        deadline = time.monotonic() + 30
        while not rejoined:
            assert time.monotonic() < deadline and zombie.code is None, zombie.log()
            now = offsets.committed()
            assert all(now[n] >= high[n] for n in now), f"went back from {high} to {now}"
            high = now
            rejoined = len(heir.status().get("partitions", ())) == len(zombie.status().get("partitions", ())) == PARTITIONS // 2
        record_property("rebalances of the zombie", zombie.metric("fsm_worker_rebalances_total"))
        sent = feed.stop()
        offsets.await_end(30)
        offsets.close()
        verdict = judge(kafka.bootstrap, topics, sent)
        record_property("verdict", str(verdict))
        print(verdict)
        assert (verdict.lost, verdict.disordered) == (0, 0), verdict
        assert verdict.duplicates < 500, "what was on its way when it was stopped, and nothing with its old assignment"
