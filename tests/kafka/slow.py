"""What the machines of the tests call: an answer that comes when a file is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any


async def lookup(data: dict[str, Any]) -> dict[str, Any]:
    """The record, once the file that it names in `gate` is there."""
    while "gate" in data and not await asyncio.to_thread(Path(data["gate"]).exists):
        await asyncio.sleep(0.01)
    return {**data, "looked": True}
