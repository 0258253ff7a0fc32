"""What the configuration has to say when it is wrong.

ConfigError: every finding of one load at once; the command line exits 78 with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fsm_core.definition import Finding

UNKNOWN_KEY = 100
BAD_YAML = 106
BAD_VALUE = 118
MISSING = 119
UNDEFINED_VARIABLE = 120
CONFLICT = 121
REFUSED_OPTION = 122
NOT_SUPPORTED = 190
UNUSED_ROUTE = 218
NO_EFFECT = 219

CODE_WORDS: Final = {
    UNKNOWN_KEY: ("E", "unknown key"),
    BAD_YAML: ("E", "not YAML"),
    BAD_VALUE: ("E", "a value of the wrong type, or out of its bounds"),
    MISSING: ("E", "a key that is needed is missing"),
    UNDEFINED_VARIABLE: ("E", "`${NAME}` of a variable that is not set"),
    CONFLICT: ("E", "keys, or a key and the machine, that contradict each other: a route without a topic, an output that is an input"),
    REFUSED_OPTION: ("E", "an option of a client that would break a guarantee"),
    NOT_SUPPORTED: ("E", "not built yet"),
    UNUSED_ROUTE: ("W", "a route that no end of the machine has"),
    NO_EFFECT: ("W", "a key that has no effect here"),
}
"""Severity and meaning of each code, for readers."""


class ConfigError(Exception):
    """The worker file cannot be used; `findings` holds all problems, errors first met first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(describe(f) for f in self.findings))


def describe(finding: Finding) -> str:
    """`file:line:col: message (hint)`; without the place where it is no line of the file that is wrong."""
    place = f"{finding.mark}: " if finding.mark.line is not None or finding.mark.pointer else ""
    return f"{place}{finding.message}" + (f" ({finding.hint})" if finding.hint else "")
