"""The demo's orders without an end, for the compose stack: `python -m worker.demo.endless BOOTSTRAP [RATE]`."""

from __future__ import annotations

import asyncio
import signal
import sys

from worker.demo import topics
from worker.demo.feeder import Fate, Ledger, feed


class Unwritten(dict[bytes, Fate]):
    """A ledger's page that keeps nothing: no audit follows, and memory must not grow."""

    def __setitem__(self, key: bytes, value: Fate) -> None:
        """Forget it."""


async def endless(bootstrap: str, rate: int) -> None:
    """Feed `rate` orders a second until SIGTERM or SIGINT. The topics must exist."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await feed(bootstrap, topics.INPUT, Ledger(Unwritten()), stop, rate)


if __name__ == "__main__":
    asyncio.run(endless(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200))
