"""What the configuration has to say when it is wrong.

ConfigError: every finding of one load at once; the command line exits 78 with it.
"""

from __future__ import annotations

from collections.abc import Sequence

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


class ConfigError(Exception):
    """The worker file cannot be used; `findings` holds all problems, errors first met first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(describe(f) for f in self.findings))


def describe(finding: Finding) -> str:
    """`file:line:col: message (hint)`."""
    return f"{finding.mark}: {finding.message}" + (f" ({finding.hint})" if finding.hint else "")
