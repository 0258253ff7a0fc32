"""Durations in a machine: `250ms`, `5s`, or a number of seconds."""

from __future__ import annotations

import math
import re
from typing import Any

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|m|h|d)?", re.ASCII)
_PER_SECOND = {"us": 1_000_000, "ms": 1000, "s": 1}
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


def seconds(value: Any) -> float | None:
    """The duration in seconds, None where it is none."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if not found:
            return None
        unit = found[2] or "s"
        return float(found[1]) * _SECONDS[unit] if unit in _SECONDS else float(found[1]) / _PER_SECOND[unit]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)
