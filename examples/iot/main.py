"""Readings as they come, alerts at once: an unfilled chunk waits a tenth of a second at most."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fsm_core import AsyncSimpleFSM, CoreStreamConfig

HERE = Path(__file__).parent


async def readings(count: int) -> AsyncIterator[dict[str, Any]]:
    """Three sensors; one speaks Fahrenheit, one is at times broken."""
    for n in range(count):
        unit = "F" if n % 3 == 1 else "C"
        value = 999 if n % 30 == 2 else 20 + n % 50 if unit == "C" else 68 + n % 90
        yield {"sensor": f"s{n % 3}", "n": n, "value": value, "unit": unit}
        if n % 100 == 0:
            await asyncio.sleep(0.01)


def alarm(records: list[dict[str, Any]]) -> None:
    """In earnest: send a message."""
    for record in records:
        print(f"ALERT {record['sensor']}: {record['value']} °C (reading {record['n']})")


async def main(out: Path) -> None:
    """Store the readings in the folder `out`."""
    config = CoreStreamConfig(chunk_size=50, max_wait=0.1, backpressure_threshold=200)
    summary = await AsyncSimpleFSM(HERE / "machine.yaml").process_stream(
        readings(300), {None: out / "readings.jsonl.gz", "alerts": alarm}, error_sink=out / "rejected.jsonl", config=config)
    print(f"{summary['total_records']} readings: {summary['by_state']}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))
