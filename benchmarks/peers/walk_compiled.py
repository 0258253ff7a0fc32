"""The streaming page's machine in fsm_core, compiled."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.seed import MACHINE
from fsm_core import load

PACKAGE = ""
_MACHINE = load(MACHINE)


def run(values: Sequence[bytes]) -> list[bytes]:
    """The outputs of a chunk."""
    return [row[2] for row in _MACHINE.run(values).rows]
