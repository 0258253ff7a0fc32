"""Stops a worker that turns its whole input into dead letters: by ratio over a window, or by failures in a row."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Breaker:
    """Counts dead letters of any reason, rejected ones included. `state`: closed | half_open | open.

    What it sent back passes once when somebody lets it go on, whatever it holds: else nobody could ever get past it. What follows
    is judged by its own ratio, and closes the breaker or opens it again.
    """

    policy: Any
    state: str = "closed"
    why: str = ""
    _window: deque[tuple[int, int]] = field(default_factory=deque)
    _records: int = 0
    _bad: int = 0
    _in_row: int = 0
    _sent_back: set[Hashable] = field(default_factory=set)  # whose parts wait for the breaker
    _passes: set[Hashable] = field(default_factory=set)     # whose next part is let through

    def observe(self, records: int, bad: Sequence[int], whose: Hashable = None) -> bool:
        """Count a part of `whose` lane: how many records, and which positions (ascending) failed. True sends it back: the breaker is open."""
        if self.policy.action == "off" or not records:
            return False
        if self.state != "open":
            if whose in self._passes:
                self._passes.discard(whose)
                return False
            self._judge(records, bad)
        if self.state == "open":
            self._sent_back.add(whose)
        return self.state == "open"

    def _judge(self, records: int, bad: Sequence[int]) -> None:
        longest = self._run(records, bad)
        self._slide(records, len(bad))
        if longest >= self.policy.max_consecutive:
            self._open(f"{longest} dead letters in a row (breaker.max_consecutive {self.policy.max_consecutive})")
        elif self._records >= self.policy.window and self._bad > self.policy.max_ratio * self._records:
            self._open(f"{self._bad} of the last {self._records} records are dead letters (breaker.max_ratio {self.policy.max_ratio})")
        elif self.state == "half_open":
            if len(bad) > self.policy.max_ratio * records:
                self._open(f"{len(bad)} of the {records} records that followed are dead letters (breaker.max_ratio {self.policy.max_ratio})")
            else:
                self.state = "closed"

    def probe(self) -> None:
        """Let through what was sent back, and judge by what follows it."""
        self.state, self._records, self._bad, self._in_row = "half_open", 0, 0, 0
        self._window.clear()
        self._passes |= self._sent_back
        self._sent_back.clear()

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
