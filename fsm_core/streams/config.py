"""How a stream is to run, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CoreStreamConfig:
    """The limits of a stream; each is enforced.

    chunk_size: records of a chunk. parallelism: processes (1: none but the caller's), order kept.
    memory_limit_mb: resident memory of the process and its children, in MiB. backpressure_threshold: records read and
    not yet written. buffer_size: records that the writer holds. max_wait: seconds until an unfilled chunk goes out.
    """

    chunk_size: int = 1000
    parallelism: int = 1
    memory_limit_mb: int | None = None
    backpressure_threshold: int = 5000
    buffer_size: int = 10000
    max_wait: float = 0.5

    def __post_init__(self) -> None:
        for name in ("chunk_size", "parallelism", "backpressure_threshold", "buffer_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
        if self.memory_limit_mb is not None and self.memory_limit_mb < 1:
            raise ValueError(f"memory_limit_mb must be at least 1, not {self.memory_limit_mb!r}")
        if self.max_wait <= 0:
            raise ValueError(f"max_wait must be more than 0 seconds, not {self.max_wait!r}")

    @property
    def chunk(self) -> int:
        """Records of a chunk that all three bounds allow, with two chunks for each process and one more."""
        at_once = 1 if self.parallelism == 1 else 2 * self.parallelism + 1
        return min(self.chunk_size, max(1, min(self.backpressure_threshold, self.buffer_size) // at_once))

    @property
    def window(self) -> int:
        """Chunks that may be on their way at once, so that neither bound on records is passed."""
        allowed = min(self.backpressure_threshold, self.buffer_size) // self.chunk
        return max(1, min(allowed, 8 * self.parallelism))
