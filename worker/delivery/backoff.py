"""How long to wait before the next try: exponential, capped, with full jitter; never gives up."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Seconds to wait, one after the other. `reset` after a success."""

    delay: float
    factor: float
    max_delay: float
    jitter: str = "full"
    attempt: int = 0

    def next(self) -> float:
        """The wait before the next try."""
        ceiling = min(self.max_delay, self.delay * self.factor ** min(self.attempt, 60))
        self.attempt += 1
        return ceiling if self.jitter == "none" else random.uniform(self.delay / 2, ceiling)  # noqa: S311 - jitter, no secret

    def reset(self) -> None:
        """The next wait is the first again."""
        self.attempt = 0
