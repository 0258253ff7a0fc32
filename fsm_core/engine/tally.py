"""The batch as it fills: one sink for rows, failures, ends and counts, used by interpreter and compiled code alike."""

from __future__ import annotations

from typing import Any

from fsm_core.engine.batch import BatchResult, Failure


class Tally:
    """What became of a batch so far."""

    __slots__ = ("arcs", "drops", "ends", "failures", "rows", "states")

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.failures: list[tuple[int, Failure]] = []
        self.ends: list[str | None] = []
        self.states: dict[str, int] = {}
        self.arcs: dict[tuple[str, str], int] = {}
        self.drops: dict[str, int] = {}

    def walked(self, states: tuple[str, ...], arcs: tuple[tuple[str, str], ...], times: int = 1) -> None:
        """Count the states and arcs of a path that `times` records walked."""
        if not times:
            return
        for name in states:
            self.states[name] = self.states.get(name, 0) + times
        for arc in arcs:
            self.arcs[arc] = self.arcs.get(arc, 0) + times

    def drop(self, reason: str, times: int = 1) -> None:
        """Count records that ended in a drop."""
        if times:
            self.drops[reason] = self.drops.get(reason, 0) + times

    def result(self) -> BatchResult:
        """The finished batch."""
        return BatchResult(self.rows, self.failures, self.ends, self.states, self.arcs, sum(self.drops.values()),
                           self.drops)
