"""Functions that a process of a stream can import: one that waits, one that takes long, one that ends its process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

THIS = os.getpid()


def named(state: Any) -> dict[str, Any]:
    """Which process it was."""
    return {**state.data, "pid": os.getpid()}


async def ask(state: Any) -> dict[str, Any]:
    """Waits for a turn of the loop."""
    await asyncio.sleep(0)
    return {**state.data, "pid": os.getpid()}


def slow(state: Any) -> dict[str, Any]:
    """Takes its time."""
    time.sleep(0.02)
    return {**state.data, "pid": os.getpid()}


def die(state: Any) -> dict[str, Any]:
    """What the kernel does to a process that needs too much memory, unless it is the one that the test runs in."""
    if state.data.get("die") and os.getpid() != state.data["die"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return dict(state.data)
