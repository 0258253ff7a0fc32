"""Everything that `fsm_core` raises on purpose.

FsmError
├── DocumentError        the document cannot become a machine; holds every finding, each with file:line:column
├── SourceError          a stream's source cannot be read as what it says it is
├── SinkError            a stream's sink cannot be written
└── AsyncMachineError    `run` was asked of a machine that has async or batch functions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsm_core.definition import Finding


class FsmError(Exception):
    """The root of what this package raises."""


class DocumentError(FsmError):
    """A machine document has errors; `findings` lists them all."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__("\n".join(str(f) for f in self.findings))


class SourceError(FsmError):
    """A source cannot be read."""


class SinkError(FsmError):
    """A sink cannot be written."""


class AsyncMachineError(FsmError):
    """The machine has async or batch functions: use `run_async`."""
