"""The broker dies, stands still, and refuses what our checks let through."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.chaos.reading import Offsets, judge, read_all
from tests.chaos.rig import ROOMY, Feed, Topics, Worker, await_true, configuration, three_topics, workers
from worker.embedded.kafka import EmbeddedKafka
from worker.embedded.provider import Broker

Report = Callable[[str, object], None]
# the plug-ins' own event loops leave a socket behind, found by whichever test comes next
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.timeout(120)
def test_a_killed_broker_is_waited_for(own_kafka: EmbeddedKafka, tmp_path: Path, record_property: Report) -> None:
    """The broker is killed under load and started again: the worker lives, answers /livez throughout, goes on by itself and loses nothing."""
    bootstrap = own_kafka.bootstrap
    topics = three_topics(bootstrap, 4)
    worker = Worker(configuration(tmp_path, bootstrap, topics))
    with workers(worker), Feed(bootstrap, topics.input, 4, 1000) as feed:
        worker.ready()
        offsets = Offsets(bootstrap, topics)
        await_true("it works", lambda: sum(offsets.committed().values()) > 500, 20)
        with _watched(worker) as bad:
            own_kafka.kill()
            time.sleep(3)  # the length of the outage is the disturbance
            own_kafka.restart()
            started, before = time.monotonic(), sum(offsets.committed().values())
            await_true("it goes on", lambda: sum(offsets.committed().values()) > before + 500, 60)
            record_property("back", f"{time.monotonic() - started:.1f} s")
            sent = feed.stop()
            offsets.await_end(40)
        offsets.close()
        verdict = judge(bootstrap, topics, sent)
        record_property("verdict", str(verdict))
        print(verdict)
        assert (verdict.lost, verdict.disordered) == (0, 0), verdict
        assert worker.code is None and not bad, bad
        assert worker.terminate() == 0, worker.log()
        assert "never retrieved" not in worker.log(0)


@contextmanager
def _watched(worker: Worker) -> Iterator[list[str]]:
    """Asks /livez all the time; what was not ok."""
    bad: list[str] = []
    end = threading.Event()

    def watch() -> None:
        while not end.wait(0.2):
            code, text = worker.get("/livez")
            if code != 200:
                bad.append(f"{code} {text}")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield bad
    finally:
        end.set()
        thread.join(10)


@pytest.mark.timeout(120)
def test_a_still_broker_fills_no_memory(own_kafka: EmbeddedKafka, tmp_path: Path, record_property: Report) -> None:
    """While the broker stands still, what is in flight stays under the bound, partitions are paused for backpressure,
    memory is flat; afterwards they are resumed and everything arrives."""
    most, partitions = 200, 4  # a fetch is then a quarter of it
    bootstrap = own_kafka.bootstrap
    topics = three_topics(bootstrap, partitions)
    worker = Worker(configuration(tmp_path, bootstrap, topics, chunk={"max_records": most}, backpressure={"max_in_flight_records": most}))
    with workers(worker):
        worker.ready()
        feed = Feed(bootstrap, topics.input, partitions, 0)
        memory = psutil.Process(worker.pid)
        broker = own_kafka.pid
        assert broker is not None
        high, paused, base = 0, False, 0

        def seen() -> bool:
            nonlocal high
            lanes = worker.status().get("partitions", [])
            high = max([high, *(lane["in_flight"] for lane in lanes)])
            return any(lane["in_flight"] > most * 3 // 4 and "backpressure" in lane["paused"] for lane in lanes)

        def stand_still() -> bool:
            for _ in range(20):
                feed.put(1000)
            await_true("it reads", lambda: worker.status()["totals"]["consumed"] > 1000, 20, 0.01)
            os.kill(broker, signal.SIGSTOP)
            try:
                await_true("paused", seen, 1.5, 0.02)
                await_true("what the broker answered before it stood still is through", lambda: not seen(), 0.5, 0.02)
            except AssertionError:
                if seen():
                    return True
            os.kill(broker, signal.SIGCONT)
            return False

        try:
            paused = await_true("the broker stands still while records are in flight", stand_still, 40)
            base = memory.memory_info().rss
            top, until = base, time.monotonic() + 5
            while time.monotonic() < until:
                assert seen(), "paused for backpressure as long as the broker stands still"
                top = max(top, memory.memory_info().rss)
                time.sleep(0.1)
        finally:
            os.kill(broker, signal.SIGCONT)
        sent = feed.stop()
        offsets = Offsets(bootstrap, topics)
        while offsets.committed() != offsets.ends():
            seen()
            top = max(top, memory.memory_info().rss)
            assert time.monotonic() < until + 40, worker.log()
        offsets.close()
        record_property("memory", f"{(top - base) / 2**20:.1f} MiB more, {high} records in flight at most")
        print(f"{(top - base) / 2**20:.1f} MiB more, {high} records in flight at most")
        assert paused and high <= most
        assert top - base < 32 * 2**20
        await_true("resumed", lambda: not any(lane["paused"] for lane in worker.status()["partitions"]), 10)
        verdict = judge(bootstrap, topics, sent)
        print(verdict)
        assert (verdict.lost, verdict.disordered) == (0, 0), verdict


HOURS_AGO = 2 * 3600 * 1000
REFUSALS = {
    "large": ("max.message.bytes", "20000", "too_large"),
    "old": ("message.timestamp.before.max.ms", "3600000", "undeliverable"),
    "keyless": ("cleanup.policy", "compact", "undeliverable"),
}


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("kind", "guarantee"), [*((kind, "at_least_once") for kind in REFUSALS), ("large", "exactly_once")])
def test_a_flood_of_refused_records(kafka: Broker, make_topic: Callable[..., str], tmp_path: Path, record_property: Report, kind: str, guarantee: str) -> None:
    """The output topic's settings change under a running worker, so the broker refuses records that the worker's checks pass: each culprit
    becomes one dead letter, everything else goes out in order, the other nine partitions are through first, offsets reach the end."""
    setting, value, reason = REFUSALS[kind]
    topics = Topics(make_topic(10, name="in"), make_topic(10, name="out"), make_topic(2, ROOMY, name="dlq"))
    worker = Worker(configuration(tmp_path, kafka.bootstrap, topics, chunk={"max_records": 100}, delivery={"guarantee": guarantee}))
    with workers(worker):
        worker.ready()
        _alter(kafka.bootstrap, topics.output, setting, value)
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5})
        await_true("the broker refuses", lambda: _refused(producer, topics.output, kind), 20)
        culprits: set[int] = set()
        for number in range(1500):
            for partition in range(10):
                if bad := partition == 0 and number % 3 == 1:
                    culprits.add(number)
                if partition == 0 or number < 500:
                    _produce(producer, topics.input, partition, number, kind if bad else "")
                producer.poll(0)
        started = time.monotonic()
        assert producer.flush(30) == 0
        offsets = Offsets(kafka.bootstrap, topics)
        ends = offsets.ends()
        try:
            await_true("the others are through", lambda: all(offsets.committed()[n] == ends[n] for n in range(1, 10)), 15)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{offsets.committed()}\n{ends}\n{worker.status().get('partitions')}") from error
        others = time.monotonic() - started
        seconds = offsets.await_end(45) + others
        offsets.close()
        dead = read_all(kafka.bootstrap, topics.dead)
        found = [json.loads(m.value())["n"] for m in dead]
        good: dict[int, list[int]] = {n: [] for n in range(10)}
        for message in read_all(kafka.bootstrap, topics.output):
            record = json.loads(message.value())
            if record["k"] >= 0 and record["n"] not in good[record["k"]]:
                good[record["k"]].append(record["n"])
        recreated = worker.metric("fsm_worker_producer_recreated_total")
        told = f"{len(culprits)} culprits, {len(found)} dead letters, others after {others:.1f} s, all after {seconds:.1f} s, {recreated:.0f} shared producers replaced"
        record_property("verdict", told)
        print(told)
        assert set(found) == culprits
        assert {dict(m.headers() or [])["fsm.reason"].decode() for m in dead} == {reason}
        assert len(found) == len(culprits), "a dead letter each"
        assert good[0] == [n for n in range(1500) if n not in culprits]
        assert all(good[n] == list(range(500)) for n in range(1, 10))
        assert recreated <= 10, "a flood does not replace the shared producer again and again"


def _alter(bootstrap: str, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    for done in admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]).values():
        done.result(30)


def _produce(producer: Producer, topic: str, partition: int, number: int, kind: str, done: Callable[..., object] | None = None) -> None:
    value = json.dumps({"k": partition if number >= 0 else -1, "n": number, **({"pad": "x" * 30_000} if kind == "large" else {})})
    when = int(time.time() * 1000) - (HOURS_AGO if kind == "old" else 0)
    more = {"on_delivery": done} if done else {}
    producer.produce(topic, value, None if kind == "keyless" else str(partition), partition, timestamp=when, **more)


def _refused(producer: Producer, topic: str, kind: str) -> bool:
    errors: list[object] = []
    _produce(producer, topic, 0, -1, kind, lambda error, _: errors.append(error))
    producer.flush(10)
    return any(error is not None for error in errors)
