"""The memory limit: how much is resident, and what to do about it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import subprocess
import warnings

_MIB = 1024 * 1024
_LEAST = 16
_CHUNK_BYTES = 4 * _MIB
"""A chunk of a file is full at this size too, whatever its records: long lines must not add up."""
_LEAST_BYTES = 64 * 1024
_SYSTEM = os.path.isdir("/proc/self")


def resident() -> float:
    """Resident memory of this process and its children, in MiB."""
    if _SYSTEM:
        pages = sum(_pages(pid) for pid in _family())
        return pages * os.sysconf("SC_PAGE_SIZE") / _MIB
    out = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=False)
    return int(out.stdout.strip() or 0) / 1024


def _family() -> list[str]:
    family, at = [str(os.getpid())], 0
    while at < len(family):
        try:
            for thread in os.listdir(f"/proc/{family[at]}/task"):
                with open(f"/proc/{family[at]}/task/{thread}/children") as file:
                    family += file.read().split()
        except OSError:
            pass  # it ended meanwhile, or the kernel does not list children
        at += 1
    return family


def _pages(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


def _trim() -> None:
    """Give freed memory back to the system, where the C library can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class MemoryLimit:
    """Watches resident memory between chunks. `chunk` is how many records the next one may have."""

    def __init__(self, limit_mb: int | None, chunk: int) -> None:
        self._limit, self._full, self._warned = limit_mb, chunk, False
        self.chunk = chunk
        self.chunk_bytes = _CHUNK_BYTES
        if limit_mb is None:
            return
        now = resident()
        self.chunk_bytes = max(_LEAST_BYTES, min(_CHUNK_BYTES, int((limit_mb - now) * _MIB / 16)))
        if limit_mb < now + _LEAST:
            raise ValueError(f"memory_limit_mb={limit_mb} is too low: {now:.0f} MiB are in use before the start, "
                             f"and a stream needs {_LEAST} more")

    @property
    def exceeded(self) -> bool:
        """Whether the reader has to wait."""
        return self._limit is not None and resident() > self._limit

    def relieve(self) -> None:
        """Nothing is on its way any more, and still too much is resident: give back, then shrink, then warn."""
        gc.collect()
        _trim()
        if not self.exceeded:
            return
        if self.chunk > 1:
            self.chunk = max(1, self.chunk // 2)
        elif not self._warned:
            self._warned = True
            warnings.warn(f"memory_limit_mb={self._limit} is exceeded by single records", ResourceWarning, stacklevel=2)

    def ease(self) -> None:
        """There is room: chunks may grow again."""
        self.chunk = min(self._full, self.chunk * 2)
