"""How many examples a property tries: a few by default, `make thorough` many times as many."""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("FSM_EXAMPLES", "1"))


def examples(usual: int) -> int:
    """`usual`, times FSM_EXAMPLES."""
    return usual * _TIMES
