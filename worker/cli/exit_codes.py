"""The exit codes of every verb, by name (contract: interface.md §4)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a verb tells the shell. Supervisors decide by these: 75 may be restarted, 78 and 79 want a person first."""

    OK = 0
    ERRORS = 1            # errors found (with --strict warnings too), a failed test, a bad audit
    USAGE = 2             # wrong arguments, or an argument file that cannot be read
    UNAVAILABLE = 69      # the broker cannot be reached (one-shot verbs; `run` keeps trying)
    INTERNAL = 70         # a defect of this program
    DRAIN_TIMEOUT = 75    # uncommitted work will be redelivered
    CONFIG = 78           # the configuration or the machine is wrong
    HALTED = 79           # the dead-letter breaker stopped the worker
