"""Helpers about time: seconds since 1970 in UTC, and text of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fsm_core.expressions.functions import ABSENT, shown


def parse_time(x: Any, fmt: str | None = None, d: Any = ABSENT) -> Any:
    """Seconds of ISO 8601 text, or of text in a strptime format; a number is seconds already. `d` instead of the error."""
    if isinstance(x, int | float) and not isinstance(x, bool):
        return x
    try:
        if not isinstance(x, str):
            raise ValueError
        moment = datetime.fromisoformat(x.strip()) if fmt is None else datetime.strptime(x.strip(), fmt)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        if d is ABSENT:
            raise ValueError(f"not a time: {shown(x)}") from None
        return d


def iso(sec: float) -> str:
    """`2026-01-01T00:00:00Z`, with six digits of fraction where there is one."""
    return datetime.fromtimestamp(sec, UTC).isoformat().removesuffix("+00:00") + "Z"


def format_time(sec: float, fmt: str) -> str:
    """The time in UTC in a strftime format."""
    return datetime.fromtimestamp(sec, UTC).strftime(fmt)


def floor_time(sec: float, width: float) -> float:
    """The start of the interval of `width` seconds that the time is in."""
    return sec // width * width
