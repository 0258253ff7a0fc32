"""A lane counts what is in flight, settles in order, and has no effect once it is closed."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

from worker.delivery.backoff import Backoff
from worker.delivery.routing import Part
from worker.runtime.backpressure import Limits
from worker.runtime.lane import Lane
from worker.runtime.observation import Counters
from worker.runtime.ports import Partition
from worker.runtime.reader import Reader

HERE = Partition("in", 0)


class Client:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.paused = {HERE}
        self.asked: list[bool] = []

    def pause(self, partition: Partition) -> None:
        self.paused.add(partition)

    def resume(self, partition: Partition) -> None:
        self.paused.discard(partition)

    async def fetch(self, ready: Any, _most: int, _timeout: float) -> dict[Partition, list[Any]]:
        self.asked.append(bool(ready) or HERE in self.paused)
        await asyncio.sleep(0)
        return {}


def records(first: int, count: int) -> list[Any]:
    return [SimpleNamespace(offset=o, timestamp=0, key=None, value=b"12345", headers=()) for o in range(first, first + count)]


def lane(most: int = 10, total: int = 10_000) -> Any:
    made = Lane(HERE, 1, Client(), Limits(most, 1000, 0.5, total), Counters(), Backoff(0.001, 2, 0.01))  # type: ignore[arg-type]
    made.opened(0)
    return made


def part(rs: list[Any], left: int) -> Part:
    return Part("in", 0, rs, 5 * len(rs), 0.0, left=left, outcomes=Counter())


def test_it_pauses_at_the_high_mark_and_resumes_at_the_low_one() -> None:
    """Hysteresis: not at the first record that leaves."""
    x = lane()
    assert x.ready
    x.take(records(0, 10), 50)
    assert x.reasons == {"backpressure"} and not x.ready
    for first, count in ((0, 4), (4, 1)):
        x.pending.append(part(records(first, count), 0))
        assert not x.ready
        x.settle()
    assert x.ready and (x.in_flight, x.in_flight_bytes, x.acked) == (5, 25, 5)


def test_a_lane_that_holds_nothing_resumes_however_much_others_hold() -> None:
    """Else the bytes of one lane would hold another for ever."""
    x = lane(total=60)
    x.limits.total_bytes = 1000
    x.take(records(0, 1), 5)
    assert not x.ready
    x.pending.append(part(records(0, 1), 0))
    x.settle()
    assert x.ready


def test_reasons_are_a_set() -> None:
    """One reason taken away leaves the others."""
    x = lane()
    x.pause("operator")
    x.pause("retry")
    x.resume("operator")
    assert not x.ready
    x.resume("retry")
    assert x.ready and HERE not in x.consumer.paused


def test_parts_settle_in_order_and_never_when_not_queued() -> None:
    """I1: a later part that is done waits for the one before it."""
    x = lane()
    x.take(records(0, 6), 30)
    x.pending.extend([part(records(0, 2), 1), part(records(2, 2), 0), part(records(4, 2), -1)])
    x.settle()
    assert x.acked == 0
    x.pending[0].left = 0
    x.settle()
    assert x.acked == 4 and len(x.pending) == 1 and x.in_flight == 2


def test_a_new_attempt_forgets_the_acknowledgements_under_way() -> None:
    """The first trouble counts, and late acknowledgements have another attempt's number."""
    x = lane()
    x.pending.append(part(records(0, 1), 1))
    first, before = ValueError("first"), x.attempt
    x.fail(first)
    x.fail(ValueError("second"))
    assert x.take_trouble() is first
    assert x.attempt == before + 1 and x.trouble is None and x.pending[0].left == -1


def test_a_drain_gives_back_what_was_not_processed() -> None:
    """The position goes back, what is under way stays counted."""
    x = lane(100)
    x.take(records(0, 4), 20)
    x.take(records(4, 4), 20)
    x._slice(3)
    x.drain()
    assert (x.position, x.in_flight, x.in_flight_bytes, x.phase) == (3, 3, 15, "draining")


def test_a_closed_lane_settles_nothing_and_gives_its_bytes_back_once() -> None:
    """I2: whatever arrives late finds it closed."""
    x = lane()
    x.take(records(0, 10), 50)
    x.pending.append(part(records(0, 10), 0))
    x.close()
    x.close()
    x.settle()
    x.pause("operator")
    assert x.limits.total_bytes == 0 and x.acked == 0 and "operator" not in x.reasons


def test_slices_keep_order_and_size_whatever_the_fetches_were() -> None:
    """Small fetches are joined, large ones cut; bytes add up."""
    x = lane(1000)
    for first, count in ((0, 1), (1, 1), (2, 7), (9, 1)):
        x.take(records(first, count), 5 * count)
    offsets: list[int] = []
    while x.queue:
        _, rs, size = x._slice(3)
        assert len(rs) <= 3 and size == 5 * len(rs)
        offsets += [r.offset for r in rs]
    assert offsets == list(range(10))


async def test_trouble_a_drain_or_a_close_ends_a_wait_for_records() -> None:
    """No wait outlives its reason."""
    for end in (lambda x: x.fail(ValueError()), lambda x: x.drain(), lambda x: x.close()):
        x = lane()
        waiting = asyncio.create_task(x.next_records(3, 0.0))
        await asyncio.sleep(0)
        end(x)
        assert await asyncio.wait_for(waiting, 1) is None


async def test_an_empty_choice_is_asked_for_only_when_every_lane_is_paused_for_real() -> None:
    """I5: room that comes and goes before the reader looks must not let a full lane be fetched."""
    x = lane()
    x.pause("retry")
    reader = Reader(x.consumer, {HERE: x}, x.counters, x.limits, 10, None)  # type: ignore[arg-type]
    turning = asyncio.create_task(reader.run())
    await asyncio.sleep(0.01)
    x.resume("retry")
    x.pause("retry")
    await asyncio.sleep(0.05)
    reader.stopping = True
    await asyncio.wait_for(turning, 2)
    assert x.consumer.asked and all(x.consumer.asked)
