"""Stops a worker that turns its whole input into dead letters: by ratio over a window, or by failures in a row."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Breaker:
    """Counts dead letters of any reason, rejected ones included. `state`: closed | half_open | open."""

    policy: Any
    state: str = "closed"
    why: str = ""
    _window: deque[tuple[int, int]] = field(default_factory=deque)
    _records: int = 0
    _bad: int = 0
    _in_row: int = 0

    def observe(self, records: int, bad: Sequence[int]) -> bool:
        """Count a part: how many records, and which positions (ascending) failed. True when the breaker is now open."""
        if self.policy.action == "off" or not records:
            return False
        longest = self._run(records, bad)
        self._slide(records, len(bad))
        if longest >= self.policy.max_consecutive:
            self._open(f"{longest} dead letters in a row (breaker.max_consecutive {self.policy.max_consecutive})")
        elif self._records >= self.policy.window and self._bad > self.policy.max_ratio * self._records:
            self._open(f"{self._bad} of the last {self._records} records are dead letters (breaker.max_ratio {self.policy.max_ratio})")
        elif self.state == "half_open":
            self.state = "closed"
        return self.state == "open"

    def probe(self) -> None:
        """Let the next part through and judge by it alone."""
        self.state, self._records, self._bad, self._in_row = "half_open", 0, 0, 0
        self._window.clear()

    def _run(self, records: int, bad: Sequence[int]) -> int:
        longest, run, last = self._in_row, self._in_row, -1
        for position in bad:
            run = run + 1 if position == last + 1 else 1
            longest, last = max(longest, run), position
        self._in_row = run if last == records - 1 else 0
        return longest if bad else 0

    def _slide(self, records: int, bad: int) -> None:
        self._window.append((records, bad))
        self._records += records
        self._bad += bad
        while self._records - self._window[0][0] >= self.policy.window:
            gone = self._window.popleft()
            self._records -= gone[0]
            self._bad -= gone[1]

    def _open(self, why: str) -> None:
        self.state, self.why = "open", why
