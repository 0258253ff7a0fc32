"""Calls of functions that are not async run side by side, however many, and hold no exit."""

from __future__ import annotations

import asyncio
import threading

import pytest

from worker.runtime.threads import CallThreads


async def test_no_call_waits_for_another() -> None:
    """A hundred at once: each waits for all others, which a pool of few threads would never end."""
    asyncio.get_running_loop().set_default_executor(CallThreads())
    together = threading.Barrier(100)
    async with asyncio.timeout(10):
        await asyncio.gather(*(asyncio.to_thread(together.wait, 5) for _ in range(100)))


async def test_what_a_call_raises_is_its_answer() -> None:
    """As a pool's."""
    asyncio.get_running_loop().set_default_executor(CallThreads())
    with pytest.raises(ValueError, match="boom"):
        await asyncio.to_thread(exec, "raise ValueError('boom')")


async def test_a_call_that_hangs_is_on_a_thread_that_the_process_does_not_wait_for() -> None:
    """Daemons, and a shutdown that returns."""
    executor, never = CallThreads(), threading.Event()
    executor.submit(never.wait)
    held = [t for t in threading.enumerate() if t.name == "call"]
    executor.shutdown(wait=True)
    never.set()
    assert held and all(t.daemon for t in held)
