"""What a started batch answers with: it is done, or it waits for a call that the host makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fsm_core.engine.batch import BatchResult


@dataclass(frozen=True, slots=True)
class Done:
    """The batch is through."""

    result: BatchResult


@dataclass(frozen=True, slots=True)
class Call:
    """The batch waits: the host calls `function` with `records` before `deadline` (seconds, None: none)."""

    function: Callable[..., Any]
    records: Sequence[dict[str, Any]]
    deadline: float | None = None


Step = Done | Call
