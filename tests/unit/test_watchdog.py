"""A lane that stands still although there is something to read is told to read again."""

from types import SimpleNamespace
from typing import Any

from worker.runtime.observation import Counters
from worker.runtime.ports import Partition
from worker.runtime.watchdog import STALL_SECONDS, Watchdog

HERE = Partition("in", 0)


class World:
    """One lane, its client and a clock."""

    def __init__(self) -> None:
        self.now, self.end, self.seeks, self.mine = 0.0, 10, [], {HERE}  # type: ignore[var-annotated]
        self.lane: Any = _Lane()
        self.counters = Counters()
        client: Any = SimpleNamespace(high_watermark=lambda _p: self.end, seek=lambda p, o: self.seeks.append((p, o)), assignment=lambda: self.mine)
        self.dog = Watchdog(client, self.counters, lambda: [self.lane], lambda: self.now)

    def after(self, seconds: float) -> int:
        """How many stalls are counted after so many seconds of ticks."""
        for _ in range(int(seconds)):
            self.dog.tick()
            self.now += 1
        self.dog.tick()
        return self.counters.stalls["in"]


class _Lane:
    partition, position, ready = HERE, 5, True


def test_a_stall_is_counted_and_read_again_once_a_minute() -> None:
    """From the lane's own position, and again if that was of no use."""
    world = World()
    assert world.after(STALL_SECONDS - 1) == 0
    assert world.after(1) == 1 and world.seeks == [(HERE, 5)]
    assert world.after(STALL_SECONDS) == 2


def test_progress_a_pause_and_an_end_are_no_stall() -> None:
    """Each starts the minute anew."""
    for change, back in (({"position": 6}, {}), ({"ready": False}, {"ready": True}), ({"position": 10}, {"position": 5})):
        world = World()
        world.after(STALL_SECONDS - 2)
        vars(world.lane).update(change)
        world.after(1)
        vars(world.lane).update(back)
        assert world.after(STALL_SECONDS - 2) == 0, change


def test_what_is_not_ours_any_more_is_not_sought() -> None:
    """A rebalance may be under way."""
    world = World()
    world.mine = set()
    assert world.after(STALL_SECONDS) == 1 and not world.seeks
