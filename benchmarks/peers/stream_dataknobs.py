"""The streaming page's machine in dataknobs-fsm, run by a Python that has it. Arguments: input, output."""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib import import_module

from benchmarks.meter import metered
from benchmarks.seed import MACHINE


def main() -> None:
    """The same call as ours."""
    logging.disable(logging.CRITICAL)
    fsm = import_module("dataknobs_fsm.api.async_simple").AsyncSimpleFSM
    with metered():
        asyncio.run(fsm(MACHINE).process_stream(sys.argv[1], sys.argv[2], chunk_size=1000, use_streaming=True))


if __name__ == "__main__":
    main()
