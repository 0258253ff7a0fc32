"""Views from a live source (here a generator) into a table of counts, one update a chunk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fsm_core import AsyncSimpleFSM

HERE = Path(__file__).parent
PATHS = ("/", "/shop/shoes", "/blog/today", "/shop/hats")
AGENTS = ("Firefox", "Safari Mobile", "SomeBot/1.0")


async def views(count: int) -> AsyncIterator[dict[str, Any]]:
    """One view every two seconds of made-up time."""
    for n in range(count):
        at = f"2026-03-01T12:{n // 30 % 60:02}:{n % 30 * 2:02}Z"
        yield {"at": at, "path": PATHS[n % 4], "query": "utm_campaign=spring" if n % 5 == 0 else None, "agent": AGENTS[n % 3], "ms": n % 7 * 200}


async def main() -> None:
    """Count views by minute and section."""
    counts: Counter[tuple[str, str]] = Counter()

    def count(records: list[dict[str, Any]]) -> None:
        counts.update((r["minute"], r["section"]) for r in records)

    summary = await AsyncSimpleFSM(HERE / "machine.yaml").process_stream(views(120), count, chunk_size=20)
    for (minute, section), views_seen in sorted(counts.items()):
        print(f"{minute} {section:5} {views_seen}")
    print(f"{summary['total_records']} views, {summary['dropped']} of robots")


if __name__ == "__main__":
    asyncio.run(main())
