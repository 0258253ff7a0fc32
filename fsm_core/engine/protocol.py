"""What a started batch answers with: it is done, or it waits for a call that the host makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from fsm_core.engine.batch import BatchResult
from fsm_core.engine.functions import is_async


@dataclass(frozen=True, slots=True)
class Done:
    """The batch is through."""

    result: BatchResult


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that the machine waits for.

    `function` gets the list `records` where `batch`, else the only item of it. `delay` seconds are to pass before, and the
    answer is to come within `deadline` seconds (None: whenever). The answer is a list, one item a record, an Exception among
    them failing that record alone; or an Exception that fails the call.
    """

    name: str
    function: Callable[..., Any]
    records: Sequence[Any]
    batch: bool = False
    deadline: float | None = None
    delay: float = 0.0


Answer = list[Any] | Exception
Pendings = Generator[Pending, Answer, BatchResult]


@dataclass(frozen=True, slots=True)
class Call:
    """The batch waits for a call: make it, then `answer`."""

    pending: Pending
    _rest: Pendings

    @property
    def function(self) -> Callable[..., Any]:
        """See `Pending`."""
        return self.pending.function

    @property
    def records(self) -> Sequence[Any]:
        """See `Pending`."""
        return self.pending.records

    @property
    def deadline(self) -> float | None:
        """See `Pending`."""
        return self.pending.deadline

    @property
    def delay(self) -> float:
        """See `Pending`."""
        return self.pending.delay

    def answer(self, given: Answer) -> Step:
        """Go on with what the call gave. Each call is answered once."""
        try:
            return Call(self._rest.send(given), self._rest)
        except StopIteration as stop:
            return Done(stop.value)


Step = Done | Call


def begin(rest: Pendings) -> Step:
    """Run a batch up to its first call, or its end."""
    try:
        return Call(next(rest), rest)
    except StopIteration as stop:
        return Done(stop.value)


async def perform(pending: Pending) -> Answer:
    """Make the call on the running loop; a function that is not async is called in a thread."""
    import asyncio  # here, because most of those who import this never call, and it costs a tenth of the start of a command

    if pending.delay:
        await asyncio.sleep(pending.delay)
    try:
        answer = await asyncio.wait_for(_called(pending), pending.deadline)
    except TimeoutError as error:
        return error if str(error) or pending.deadline is None else TimeoutError(f"no answer within {pending.deadline:g} s")
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return error
    return list(answer) if pending.batch and isinstance(answer, list | tuple) else [answer]


async def _called(pending: Pending) -> Any:
    import asyncio  # as above

    given = pending.records if pending.batch else pending.records[0]
    if is_async(pending.function):
        return await pending.function(given)
    answer = await asyncio.to_thread(pending.function, given)
    return await answer if inspect.isawaitable(answer) else answer


def perform_at_once(pending: Pending) -> Answer:
    """Make the call here and now, without the delay and with no deadline: for functions that stand in for the real ones."""
    try:
        answer = pending.function(list(pending.records) if pending.batch else pending.records[0])
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return error
    return list(answer) if pending.batch else [answer]
