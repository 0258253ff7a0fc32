"""The network between worker and broker is slow, is cut, or says nothing; or the broker itself stands still.

The worker reaches the broker through a proxy; feed and judge do not. FSM_CHAOS=1 cuts 100 times, does everything in both guarantees, and
lets the broker stand still for longer than the 60 s that a worker's requests have.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.proxy import Network, Weather
from tests.chaos.reading import REPEATS, STAMPED, Appends, traffic
from tests.chaos.rig import ALERT_SECONDS, Worker, alert, await_true, configuration, three_topics, workers

Report = Callable[[str, object], None]
# the plug-ins' own event loops leave a socket behind, found by whichever test comes next
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SCALED = float(os.environ.get("FSM_CHAOS", "0"))
BOTH = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
STRICTER = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"] if SCALED else ["exactly_once"])
PARTITIONS, RATE = 4, 400
TURNS = 2 if SCALED else 1
CUTS = int(100 * SCALED) or 5
PATIENCE = 3.0
SLOW = Weather(delay=0.1, rate=200_000)
WITHIN = ALERT_SECONDS + 1


@pytest.mark.timeout(120)
@STRICTER
def test_a_slow_network_costs_time_and_no_member(network: Network, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """0.2 s there and back, 200 kB/s: both members stay in the group, no producer is replaced, nothing is lost or doubled."""
    broker, proxy = network
    topics = three_topics(broker.bootstrap, PARTITIONS)
    config = configuration(tmp_path, proxy.bootstrap, topics, delivery={"guarantee": guarantee})
    names = ("fsm_worker_rebalances_total", "fsm_worker_producer_recreated_total")
    with workers(Worker(config, "a"), Worker(config, "b")) as members:
        await_true("two share", lambda: [m.held for m in members] == [PARTITIONS // 2] * 2, 40)
        for member in members:
            member.ready()
        before = [[m.metric(name) for name in names] for m in members]
        proxy.set(SLOW)
        with traffic(broker.bootstrap, topics, PARTITIONS, RATE, record_property) as offsets:
            for _ in range(3):
                offsets.await_progress(members)
        assert [[m.metric(name) for name in names] for m in members] == before


@pytest.mark.timeout(120 if not SCALED else 1200)
@BOTH
def test_connections_are_cut_again_and_again(network: Network, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """Every connection is reset at random moments: the group goes on each time; exactly once nothing is doubled."""
    broker, proxy = network
    topics, chance = three_topics(broker.bootstrap, PARTITIONS), random.Random(3)
    config = alert(tmp_path, proxy.bootstrap, topics, guarantee)
    with workers(Worker(config, "a"), Worker(config, "b")) as members:
        for member in members:
            member.ready()
        with traffic(broker.bootstrap, topics, PARTITIONS, RATE, record_property, REPEATS[guarantee]) as offsets:
            for _ in range(CUTS):
                time.sleep(chance.uniform(0, 0.3))  # the moment is what is random
                assert proxy.cut()
                offsets.await_progress(members)


@pytest.mark.timeout(120)
@STRICTER
def test_a_member_that_hears_nothing_is_replaced(network: Network, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """Half-open: one member's connections stand and carry nothing. The other takes over within the session timeout and 1 s; when the
    network is back the first joins again, and what it had under way is in nobody's way."""
    broker, proxy = network
    topics = three_topics(broker.bootstrap, PARTITIONS, STAMPED)
    members = []
    for name, bootstrap in (("near", broker.bootstrap), ("far", proxy.bootstrap)):
        (tmp_path / name).mkdir()
        members.append(Worker(alert(tmp_path / name, bootstrap, topics, guarantee), name))
    near, far = members
    with workers(near, far), traffic(broker.bootstrap, topics, PARTITIONS, RATE, record_property, REPEATS[guarantee]) as offsets:
        silences = []
        for _ in range(2):
            await_true("both share", lambda: (near.held, far.held) == (PARTITIONS // 2, PARTITIONS // 2), 40)
            near.ready()
            far.ready()
            offsets.await_progress((near, far))
            began = time.time()
            proxy.set(Weather(silent=True))
            await_true("the near one has all", lambda: near.held == PARTITIONS, 40)
            offsets.await_progress((near,))
            silences.append((began, time.time()))
            proxy.set(Weather())
            proxy.cut()
        await_true("both share", lambda: (near.held, far.held) == (PARTITIONS // 2, PARTITIONS // 2), 40)
    appends = Appends(broker.bootstrap, topics, PARTITIONS)
    pauses = [appends.longest_pause(*each) for each in silences]
    told = f"taken over after {', '.join(f'{p:.2f}' for p in pauses)} s"
    record_property("pause", told)
    print(told)
    assert ALERT_SECONDS / 2 < min(pauses) <= WITHIN, told  # the machine may be shared: the better of two


@pytest.mark.timeout(120 if not SCALED else 400)
@STRICTER
def test_a_connection_that_never_answers_is_given_up(network: Network, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """The network forgets the connections of the only member and carries new ones: what waits on an old one ends with its request's time,
    and the member goes on by itself."""
    broker, proxy = network
    topics = three_topics(broker.bootstrap, PARTITIONS)
    worker = Worker(alert(tmp_path, proxy.bootstrap, topics, guarantee))
    with workers(worker, patience=0 if SCALED >= 1 else PATIENCE), traffic(broker.bootstrap, topics, PARTITIONS, RATE, record_property, REPEATS[guarantee]) as offsets:
        worker.ready()
        for _ in range(TURNS):
            offsets.await_progress((worker,))
            proxy.set(Weather(silent=True))
            proxy.set(Weather())
            offsets.await_standstill()
            began = time.monotonic()
            offsets.await_progress((worker,), 150)
            record_property("back", f"{time.monotonic() - began:.1f} s")
            print(f"back after {time.monotonic() - began:.1f} s")
        assert worker.code is None, worker.log()


@pytest.mark.timeout(120 if not SCALED else 600)
@STRICTER
def test_a_frozen_broker(network: Network, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """The broker's process stands still for longer than sessions and requests last, and goes on: so does the group, by itself."""
    broker, _ = network
    patience, still = (0.0, 75.0) if SCALED >= 1 else (PATIENCE, 5.0)
    topics = three_topics(broker.bootstrap, PARTITIONS)
    config = alert(tmp_path, broker.bootstrap, topics, guarantee)
    with workers(Worker(config, "a"), Worker(config, "b"), patience=patience) as members, traffic(broker.bootstrap, topics, PARTITIONS, RATE, record_property, REPEATS[guarantee]) as offsets:
        for member in members:
            member.ready()
        for _ in range(TURNS):
            offsets.await_progress(members)
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                time.sleep(still)  # its length is the disturbance
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            offsets.await_progress(members, 90)
        assert [m.code for m in members] == [None, None], [m.log() for m in members]
