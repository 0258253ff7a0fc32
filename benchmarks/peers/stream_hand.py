"""The streaming page's job by hand: a loop over lines, orjson in and out. Arguments: input, output."""

from __future__ import annotations

import sys

import orjson

from benchmarks.meter import metered


def main() -> None:
    """What whoever needs only this one job would write."""
    with metered(), open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as sink:
        for line in source:
            d = orjson.loads(line)
            d["valid"] = d.get("value") is not None and d.get("value") >= 0
            if d["valid"]:
                value = d["value"]
                d = {"id": d["id"], "original_value": value, "doubled_value": value * 2, "squared_value": value ** 2,
                     "category": d["category"], "status": "processed",
                     "value_tier": "high" if value > 5000 else "medium" if value > 1000 else "low",
                     "risk_score": min(100, value ** 2 / 100)}
            sink.write(orjson.dumps(d, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
