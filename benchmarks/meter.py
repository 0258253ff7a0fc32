"""What a contender of the streams' benchmark says of itself on its last line."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def metered() -> Iterator[None]:
    """Seconds on the clock and of CPU (own and children's) of what is inside, and the process's own high-water mark in MiB."""
    clock, cpu = time.perf_counter(), _cpu()
    yield
    print(json.dumps({"seconds": time.perf_counter() - clock, "cpu": _cpu() - cpu, "own_mb": _high_water(),
                      "child_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))


def _cpu() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _high_water() -> float:
    with open("/proc/self/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024
