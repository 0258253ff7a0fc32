"""A lane that stands still although there is something to read is told to read again; a client that fetches no more ends the worker."""

import asyncio
from types import SimpleNamespace
from typing import Any

from worker.runtime.observation import Counters
from worker.runtime.ports import Partition
from worker.runtime.watchdog import STALL_SECONDS, Watchdog

HERE = Partition("in", 0)


class World:
    """One lane, its client and a clock. `end` is what the client has seen, `real` what the broker has."""

    def __init__(self, answers: bool = True) -> None:
        self.now, self.end, self.real, self.mine = 0.0, 10, 10, {HERE}
        self.seeks: list[tuple[Partition, int]] = []
        self.stops: list[BaseException] = []
        self.asked = 0
        self.answers, self.lane, self.counters = answers, _Lane(), Counters()
        client: Any = SimpleNamespace(
            high_watermark=lambda _p: self.end, seek=lambda p, o: self.seeks.append((p, o)), assignment=lambda: self.mine, bound=self.bound,
            fetched_at=lambda _p: self.now if self.answers else 0.0)
        lanes: Any = [self.lane]
        self.dog = Watchdog(client, self.counters, lambda: lanes, self.stops.append, lambda: self.now)

    async def bound(self, _partition: Partition, _where: str) -> int:
        self.asked += 1
        if self.real < 0:
            raise OSError("the broker is away")
        return self.real

    async def after(self, seconds: float) -> int:
        """How many stalls are counted after so many seconds of ticks."""
        for _ in range(int(seconds)):
            self.dog.tick()
            self.now += 1
            await asyncio.sleep(0)
        self.dog.tick()
        if self.dog._asking is not None:
            await self.dog._asking
        return self.counters.stalls["in"]


class _Lane:
    partition, position, ready = HERE, 5, True


async def test_a_stall_is_counted_and_read_again_once_a_minute() -> None:
    """From the lane's own position, and again if that was of no use; a client that hears is not the reason, so the worker goes on."""
    world = World()
    assert await world.after(STALL_SECONDS - 1) == 0
    assert await world.after(1) == 1 and world.seeks == [(HERE, 5)]
    assert await world.after(STALL_SECONDS) == 2
    assert await world.after(STALL_SECONDS * 3) == 5 and not world.stops and not world.asked


async def test_progress_a_pause_and_an_end_are_no_stall() -> None:
    """Each starts the minute anew."""
    for change, back in (({"position": 6}, {}), ({"ready": False}, {"ready": True}), ({"position": 10}, {"position": 5})):
        world = World()
        await world.after(STALL_SECONDS - 2)
        vars(world.lane).update(change)
        await world.after(1)
        vars(world.lane).update(back)
        assert await world.after(STALL_SECONDS - 2) == 0, change


async def test_what_is_not_ours_any_more_is_not_sought() -> None:
    """A rebalance may be under way."""
    world = World()
    world.mine = set()
    assert await world.after(STALL_SECONDS) == 1 and not world.seeks


async def test_a_dead_fetch_is_noticed_by_the_brokers_own_end() -> None:
    """The client saw its end long ago and hears nothing more: read again, then stopped, as only a new process mends it."""
    world = World(answers=False)
    world.end = 5
    assert await world.after(STALL_SECONDS) == 1 and world.seeks == [(HERE, 5)] and not world.stops
    assert await world.after(STALL_SECONDS) == 2 and "fetches no more" in str(world.stops[0])
    assert world.asked == 2, "once a minute"


async def test_a_fetch_that_died_under_load_is_noticed_too() -> None:
    """The end that it saw is beyond the lane for ever."""
    world = World(answers=False)
    await world.after(STALL_SECONDS * 2)
    assert len(world.stops) == 1


async def test_silence_with_nothing_to_read_or_nobody_to_ask_is_no_stall() -> None:
    """An idle partition, and a broker that is away."""
    for real in (5, -1):
        world = World(answers=False)
        world.end, world.real = 5, real
        assert await world.after(STALL_SECONDS * 4) == 0 and not world.stops
        world.answers = True
        assert await world.after(STALL_SECONDS) == 0


async def test_an_answer_forgives_deafness() -> None:
    """Twice in a row is what counts."""
    world = World(answers=False)
    world.end = 5
    assert await world.after(STALL_SECONDS) == 1
    world.answers = True
    await world.after(2)
    world.answers = False
    assert await world.after(STALL_SECONDS) == 2 and not world.stops
