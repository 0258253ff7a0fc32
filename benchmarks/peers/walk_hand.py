"""The streaming page's machine as one would fuse it by hand: one dict a record."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

PACKAGE = "orjson"


def run(values: Sequence[bytes]) -> list[bytes]:
    """What the machine writes, in one loop."""
    rows = []
    for value in values:
        data = orjson.loads(value)
        number = data.get("value")
        if number is None or number < 0:
            continue
        squared = number**2
        rows.append(orjson.dumps({
            "id": data["id"], "original_value": number, "doubled_value": number * 2, "squared_value": squared, "category": data["category"],
            "status": "processed", "value_tier": "high" if number > 5000 else "medium" if number > 1000 else "low",
            "risk_score": min(100, squared / 100)}))
    return rows
