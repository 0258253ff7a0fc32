"""What generated code raises sends a record to the interpreter, so nobody would see a name that it forgot: here it is an error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fsm_core.engine.machine import Machine


@contextmanager
def are_told() -> Iterator[None]:
    """While it lasts, a record that was left to the interpreter by a NameError fails the test."""
    interpret = Machine._interpret

    def watched(self: Machine, *args: Any) -> None:
        assert not isinstance(sys.exc_info()[1], NameError), self.source
        interpret(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Machine, "_interpret", watched)
        yield
