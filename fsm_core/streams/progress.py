"""What a stream says of itself: progress while it runs, a summary when it is done."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsm_core.engine.batch import Failure
    from fsm_core.streams.process import Done

KEPT_ERRORS = 100
"""How many failures a summary or a progress lists; all are counted."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a stream stands, just after a chunk was written. Seconds and bytes; None where it cannot be known."""

    chunks_processed: int
    records_processed: int
    records_per_second: float
    elapsed: float
    errors: list[tuple[int, str]]
    error_count: int
    bytes_read: int | None
    bytes_total: int | None
    eta: float | None


@dataclass(slots=True)
class Tally:
    """The counts of a stream; a record is counted once it is written."""

    started: float = field(default_factory=time.perf_counter)
    records: int = 0
    chunks: int = 0
    failed: int = 0
    rejected: int = 0
    malformed: int = 0
    dropped: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, done: Done, first: int) -> None:
        """Count a written chunk whose first record has the position `first`."""
        self.chunks += 1
        self.records += done.count
        self.dropped += done.dropped
        self.by_state.update(done.ends)
        self.failed += done.unlisted
        self.rejected += done.unlisted
        for index, failure, _ in done.failures:
            self._fail(first + index, failure)

    def _fail(self, position: int, failure: Failure) -> None:
        self.failed += 1
        self.rejected += failure.reason == "rejected"
        self.malformed += failure.reason == "malformed"
        if len(self.errors) < KEPT_ERRORS:
            self.errors.append({"position": position, "state": failure.state, "reason": failure.reason,
                                "message": failure.message})

    def progress(self, bytes_read: int | None, bytes_total: int | None) -> Progress:
        """The counts as the caller's `on_progress` gets them."""
        elapsed = time.perf_counter() - self.started
        eta = None
        if bytes_read and bytes_total:
            eta = max(0.0, elapsed * (bytes_total - bytes_read) / bytes_read)
        return Progress(self.chunks, self.records, self.records / elapsed if elapsed else 0.0, elapsed,
                        [(e["position"], e["message"]) for e in self.errors], self.failed, bytes_read, bytes_total, eta)

    def summary(self) -> dict[str, Any]:
        """The counts as `process_stream` returns them: successful + failed + dropped == total_records."""
        duration = time.perf_counter() - self.started
        return {
            "total_records": self.records, "total_processed": self.records,
            "successful": self.records - self.failed - self.dropped, "failed": self.failed, "rejected": self.rejected,
            "malformed": self.malformed, "dropped": self.dropped, "by_state": dict(self.by_state), "duration": duration,
            "throughput": self.records / duration if duration else 0.0, "chunks": self.chunks, "errors": self.errors,
        }
