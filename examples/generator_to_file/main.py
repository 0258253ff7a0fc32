"""Records as they come to be, into a file: nothing but the chunk in hand is held."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fsm_core import AsyncSimpleFSM

HERE = Path(__file__).parent


async def live(count: int) -> AsyncIterator[dict[str, Any]]:
    """In earnest: an API, a queue, a sensor."""
    for n in range(count):
        yield {"id": n, "value": n * 10 if n % 100 else None, "category": f"cat_{n % 5}"}
        if n % 50 == 0:
            await asyncio.sleep(0.01)


async def main(out: Path) -> None:
    """Stream a thousand records into the folder `out`."""
    summary = await AsyncSimpleFSM(HERE / "machine.yaml").process_stream(
        live(1000), out / "processed.jsonl", chunk_size=100, error_sink=out / "errors.jsonl",
        on_progress=lambda p: print(f"Streamed {p.records_processed} records..."))
    print(f"{summary['successful']} successful, {summary['failed']} failed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))
