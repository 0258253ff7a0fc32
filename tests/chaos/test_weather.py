"""Everything a network and what stands on it can do, in a random order, to both members: slow, cut, silent, forgotten; kills and stops amid it.

FSM_CHAOS=1 is 100 changes of the weather in both guarantees; FSM_SEED chooses others.
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

from tests.chaos.proxy import Network, Weather
from tests.chaos.reading import REPEATS, traffic
from tests.chaos.rig import Worker, alert, three_topics, workers

Report = Callable[[str, object], None]
# the plug-ins' own event loops leave a socket behind, found by whichever test comes next
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SCALED = float(os.environ.get("FSM_CHAOS", "0"))
CHANGES = int(100 * SCALED) or 4
PARTITIONS, RATE, PATIENCE = 4, 400, 3.0


class Sky:
    """One change of the weather after the other; each is over when the group goes on. How long each lasts is the disturbance."""

    def __init__(self, network: Network, members: tuple[Worker, ...], chance: random.Random) -> None:
        (self._broker, self._proxy), self._members, self._chance = network, members, chance
        self.changes: list[Callable[[], None]] = [self.cut, self.silent, self.forgotten, self.slow, self.killed_in_silence, self.broker_still, self.stopped_while_slow,
                                                  self.killed_while_slow]

    def _lasting(self, weather: Weather, least: float, most: float) -> None:
        self._proxy.set(weather)
        time.sleep(self._chance.uniform(least, most))

    def _again(self) -> None:
        victim = self._chance.choice(self._members)
        victim.kill()
        victim.start(patience=PATIENCE)

    def cut(self) -> None:
        """Every connection is reset."""
        self._proxy.cut()

    def silent(self) -> None:
        """Nothing comes through; then resets."""
        self._lasting(Weather(silent=True), 0.2, 4)
        self._proxy.set(Weather())
        self._proxy.cut()

    def forgotten(self) -> None:
        """What is open stays silent for good, what is new works."""
        self._lasting(Weather(silent=True), 0, 2)
        self._proxy.set(Weather())

    def slow(self) -> None:
        """Slow and narrow for a while."""
        self._lasting(Weather(self._chance.uniform(0.05, 0.4), 100_000), 0.5, 3)
        self._proxy.set(Weather())

    def killed_in_silence(self) -> None:
        """A member dies while nothing comes through."""
        self._lasting(Weather(silent=True), 0.1, 3)
        self._again()
        self._proxy.set(Weather())
        self._proxy.cut()

    def broker_still(self) -> None:
        """The broker's process stands still."""
        assert self._broker.pid is not None
        os.kill(self._broker.pid, signal.SIGSTOP)
        time.sleep(self._chance.uniform(1, 5))
        os.kill(self._broker.pid, signal.SIGCONT)

    def stopped_while_slow(self) -> None:
        """A member stands still, with its last requests on a slow way."""
        victim = self._chance.choice(self._members)
        self._proxy.set(Weather(0.2))
        victim.send(signal.SIGSTOP)
        time.sleep(self._chance.uniform(1, 5))
        victim.send(signal.SIGCONT)
        self._lasting(Weather(0.2), 0, 1)
        self._proxy.set(Weather())

    def killed_while_slow(self) -> None:
        """A member dies with its last requests on a slow way."""
        self._lasting(Weather(0.3), 0, 1)
        self._again()
        self._lasting(Weather(0.3), 0, 1)
        self._proxy.set(Weather())


@pytest.mark.timeout(150 if not SCALED else 3600)
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"] if SCALED else ["exactly_once"])
def test_bad_weather(network: Network, tmp_path: Path, record_property: Report, guarantee: str) -> None:
    """Nothing is lost, first occurrences are in order, the members live; exactly once nothing is doubled."""
    broker, proxy = network
    topics, chance = three_topics(broker.bootstrap, PARTITIONS), random.Random(int(os.environ.get("FSM_SEED", "1")))
    config, done = alert(tmp_path, proxy.bootstrap, topics, guarantee), Counter[str]()
    members = Worker(config, "a"), Worker(config, "b")
    with workers(*members, patience=PATIENCE), traffic(broker.bootstrap, topics, PARTITIONS, RATE, record_property, REPEATS[guarantee]) as offsets:
        for member in members:
            member.ready()
        sky = Sky(network, members, chance)
        for _ in range(CHANGES):
            change = chance.choice(sky.changes)
            time.sleep(chance.uniform(0, 0.5))  # the moment is what is random
            change()
            offsets.await_progress(members, 90)
            done[change.__name__] += 1
        assert [m.code for m in members] == [None, None], [m.log() for m in members]
    print(dict(done))
    record_property("changes", str(dict(done)))
