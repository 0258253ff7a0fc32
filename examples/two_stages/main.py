"""Two machines, one behind the other, in one stream: no file stands between them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from fsm_core import AsyncSimpleFSM

HERE = Path(__file__).parent


async def main(out: Path) -> None:
    """Clean and process the records into the folder `out`."""
    chain = AsyncSimpleFSM(HERE / "clean.yaml") | AsyncSimpleFSM(HERE / "machine.yaml")
    summary = await chain.process_stream(HERE / "input.jsonl", out / "final.jsonl", error_sink=out / "errors.jsonl")
    for stage in (*summary["stages"], {"name": "in all", **summary}):
        print(f"{stage['name']}: {stage['total_records']} in, {stage['successful']} out, {stage['failed']} failed, {stage['dropped']} dropped")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))
