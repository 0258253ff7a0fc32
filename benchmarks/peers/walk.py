"""One contender on the streaming page's machine, bytes to bytes, without files. Arguments: its module here, how many records.

Prints a line of JSON; exits with 3 where the contender's package is not installed.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module, metadata

from benchmarks.seed import expected, pages

CHUNK = 1000


def _settle_heap() -> None:
    """What our machines do when they are made: without it glibc trims and grows the heap under a list of results, at twice the cost of the loop."""
    heap = bytes(8_000_000)
    del heap


def main() -> int:
    """CPU µs a record, and whether every output is what it has to be."""
    name, records = sys.argv[1], int(sys.argv[2])
    try:
        contender = import_module(f"benchmarks.peers.{name}")
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed for {sys.executable}", file=sys.stderr)
        return 3
    _settle_heap()
    values = pages(records)
    chunks = [values[start:start + CHUNK] for start in range(0, records, CHUNK)]
    right = all([json.loads(value) for value in contender.run(chunk)] == [out for value in chunk if (out := expected(json.loads(value))) is not None]
                for chunk in chunks)
    start = time.process_time()
    for chunk in chunks:
        contender.run(chunk)  # and let go: who holds a hundred thousand results measures the heap
    cpu = time.process_time() - start
    package = contender.PACKAGE
    print(json.dumps({"cpu_us": cpu / records * 1e6, "right": right, "version": package and f"{package} {metadata.version(package)}"}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
