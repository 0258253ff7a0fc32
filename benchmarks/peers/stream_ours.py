"""The streaming page's machine in fsm_core. Arguments: input, output, processes."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.meter import metered
from benchmarks.seed import MACHINE
from fsm_core import AsyncSimpleFSM, CoreStreamConfig


def main() -> None:
    """From the document to the closed file."""
    with metered():
        limits = CoreStreamConfig(chunk_size=1000, parallelism=int(sys.argv[3]))
        asyncio.run(AsyncSimpleFSM(MACHINE).process_stream(sys.argv[1], sys.argv[2], use_streaming=True, config=limits))


if __name__ == "__main__":
    main()
