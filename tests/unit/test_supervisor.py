"""Whatever breaks or hangs, a worker ends in time and with the exit code that says so."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from worker.runtime.backpressure import Limits
from worker.runtime.observation import Counters
from worker.runtime.supervisor import Ending, Supervisor


class Client:
    """A consumer that does nothing, or hangs where it is told to."""

    def __init__(self, hangs: str = "") -> None:
        self.hangs, self.stopped, self.heard = hangs, False, time.monotonic()

    async def start(self, *_: Any) -> None:
        if self.hangs == "start":
            await asyncio.sleep(60)

    async def stop(self) -> None:
        self.stopped = True
        if self.hangs == "stop":
            await asyncio.sleep(60)
        if self.hangs == "broken stop":
            raise OSError("gone")

    async def fetch(self, *_: Any) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        if self.hangs == "reader":
            raise asyncio.CancelledError
        return {}


def worker(client: Client, tick: Callable[[], Any], hand_over: Callable[[], Any]) -> Supervisor:
    async def nothing(*_: Any) -> bool:
        return True

    async def call(what: Callable[[], Any]) -> Any:
        result = what()
        return await result if asyncio.iscoroutine(result) else result

    member: Any = SimpleNamespace(
        lanes={}, limits=Limits(100, 100, 0.5, 100), lost=nothing, joined=True, membership=SimpleNamespace(pulse=lambda: None, sure=True), probe=lambda: None, ended=lambda: None, abandon=nothing,
        policy=SimpleNamespace(drain_timeout=0.6), committer=SimpleNamespace(tick=lambda: call(tick)), hand_over=lambda _lanes: call(hand_over))
    delivery: Any = SimpleNamespace(name="at_least_once", stop=nothing)
    machine: Any = None
    return Supervisor("w", ["in"], client, delivery, lambda _s: member, Counters(), machine, machine, 0.01, lambda: None)  # type: ignore[arg-type, return-value]


def end(client: Client, signals: tuple[float, ...], tick: Callable[[], Any] = lambda: None, hand_over: Callable[[], Any] = lambda: True) -> tuple[Ending, float]:
    """How it ended, and how long after the first signal (or the start)."""

    async def run() -> tuple[Ending, float]:
        made = worker(client, tick, hand_over)
        for at in signals:
            asyncio.get_running_loop().call_later(at, made.stop)
        started = time.monotonic()
        return await made.run(lambda: None), time.monotonic() - started - (signals[0] if signals else 0)

    return asyncio.run(run())


def broken() -> None:
    """A defect."""
    raise ValueError("boom")


def hang() -> Any:
    """A broker that is away."""
    return asyncio.sleep(60)


def test_a_drain_ends_with_0() -> None:
    """Nothing in the way."""
    client = Client()
    assert end(client, (0.05,))[0] == Ending.DONE and client.stopped


@pytest.mark.parametrize("client, tick", [(Client(), broken), (Client("reader"), lambda: None)])
def test_a_defect_and_a_task_that_ends_by_itself_are_70(client: Client, tick: Callable[[], Any]) -> None:
    """Never a worker that looks alive, and everything is stopped."""
    assert end(client, (), tick)[0] == Ending.INTERNAL and client.stopped


@pytest.mark.parametrize("at", ["hand_over", "stop"])
def test_what_hangs_at_the_end_is_cut_at_the_deadline(at: str) -> None:
    """A drain that hangs is 75; a client that does not close does not hold the process."""
    code, seconds = end(Client(at), (0.05,), hand_over=hang if at == "hand_over" else lambda: True)
    assert code == (Ending.DRAIN_TIMEOUT if at == "hand_over" else Ending.DONE) and seconds < 2.5


def test_a_commit_that_hangs_does_not_hold_a_signal() -> None:
    """The drain commits again."""
    assert end(Client(), (0.05,), hang)[1] < 0.6


def test_joining_that_hangs_does_not_hold_a_signal() -> None:
    """Another member may be draining."""
    assert end(Client("start"), (0.05,))[1] < 0.6


def test_a_second_signal_ends_it_at_once() -> None:
    """75, long before the deadline."""
    code, seconds = end(Client("stop"), (0.05, 0.1), hand_over=hang)
    assert code == Ending.DRAIN_TIMEOUT and seconds < 0.5


def test_an_error_while_stopping_does_not_change_the_exit_code() -> None:
    """The client raises what it pleases at its end."""
    assert end(Client("broken stop"), (0.05,))[0] == Ending.DONE


def test_a_defect_in_the_last_records_is_70() -> None:
    """They are not committed: an end that was asked for is no clean one then. What breaks while clients are closed is no defect."""

    async def run(where: str) -> Ending:
        breaks: list[Callable[[], None]] = []
        client = Client()
        made = worker(client, lambda: None, lambda: where != "drain" or breaks[0]() is None)
        breaks.append(lambda: made.stop(ValueError("boom")))
        if where == "close":
            client.stop = lambda: asyncio.sleep(0, breaks[0]())  # type: ignore[method-assign, func-returns-value, assignment]
        asyncio.get_running_loop().call_later(0.02, made.stop)
        return await made.run(lambda: None)

    assert asyncio.run(run("drain")) == Ending.INTERNAL
    assert asyncio.run(run("close")) == Ending.DONE


def test_a_paused_or_deaf_member_is_not_ready_and_says_why() -> None:
    """`/readyz` is assigned and consuming: an operator's pause of every lane, a broker away, an acknowledgement that does not come are not."""

    async def run() -> None:
        client = Client()
        made = worker(client, lambda: None, lambda: True)
        made._phase = "running"
        lanes = [SimpleNamespace(phase="running", reasons=reasons, pending=()) for reasons in ({"operator"}, {"operator", "retry"}, set())]
        made.member.lanes.update(enumerate(lanes[:2]))  # type: ignore[call-overload]
        assert made.unready == "paused by an operator"
        made.member.lanes[2] = lanes[2]  # type: ignore[index]
        assert made.unready is None
        client.heard -= 29
        assert made.unready is None
        client.heard -= 2
        assert made.unready == "the group's broker has not answered for 31 s"
        made.member.lanes.clear()
        assert made.unready == "the group's broker has not answered for 31 s", "an idle member too"
        client.heard = time.monotonic()
        waits = SimpleNamespace(phase="running", reasons=set(), pending=[SimpleNamespace(taken_at=time.monotonic() - 29)])
        made.member.lanes[0] = waits  # type: ignore[index, assignment]
        assert made.unready is None
        waits.pending[0].taken_at -= 2
        assert str(made.unready).startswith("no acknowledgement for")

    asyncio.run(run())
