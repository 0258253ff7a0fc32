"""One record's way through a machine, what can go wrong on it, and what it asks of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from fsm_core.definition import Code, Retry
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Failure, Reason
from fsm_core.engine.state import Fields, State


class ValidationError(Exception):
    """A record that a validate or a require found bad."""


class StepFailed(Exception):
    """One step of a state or an arc failed. `kinds`: the names of the error's class and of its bases, for `errors:` lists."""

    def __init__(self, reason: Reason, state: str | None, function: str | None, error: str | None, message: str,
                 kinds: frozenset[str] = frozenset(), attempts: int = 1) -> None:
        super().__init__(message)
        self.reason, self.state, self.function, self.error, self.message = reason, state, function, error, message
        self.kinds, self.attempts = kinds, attempts

    def fields(self) -> Fields:
        """What `state.error` is where it is caught."""
        return Fields(type=self.error, message=self.message, state=self.state, function=self.function, reason=self.reason)


class CallFailed(Exception):
    """A call of the host came to nothing, after all its attempts."""

    def __init__(self, reason: Reason, error: Exception, attempts: int) -> None:
        super().__init__(str(error))
        self.reason, self.error, self.attempts = reason, error, attempts


class Request(NamedTuple):
    """What a record on its way asks of the host; it goes on with the answer. `value` is what `function` gets."""

    state: str
    code: Code
    function: Callable[..., Any]
    value: Any
    retry: Retry | None = None


@dataclass(slots=True)
class Walk:
    """One record's way: where it has been, how it ended (`end`) or why it did not (`failure`).

    `children`: it fanned out in its last state, and these went on instead; each starts with `before`, the path so far, and
    `begin`, the state that it comes from. `stack`: where the pushed networks around it come back to, the innermost last.
    `entries` counts the entries into states on a cycle; a record shares it with its children.
    """

    state: State
    path: list[str] = field(default_factory=list)
    arcs: list[tuple[str, str]] = field(default_factory=list)
    end: StateDefinition | None = None
    failure: Failure | None = None
    log: list[dict[str, Any]] | None = None
    children: list[Walk] | None = None
    before: tuple[str, ...] = ()
    begin: StateDefinition | None = None
    stack: list[str] = field(default_factory=list)
    entries: list[int] = field(default_factory=lambda: [0])

    def note(self, **step: Any) -> None:
        """Remember a step, if someone asked for an explanation."""
        if self.log is not None:
            self.log.append(step)

    @property
    def whole(self) -> tuple[str, ...]:
        """The path from the start, also of a child."""
        return (*self.before, *self.path)

    def child(self, data: dict[str, Any], here: StateDefinition) -> Walk:
        """A record that comes out of a fan-out: with the parent's meta, error, message, lets, and a copy of its context."""
        return Walk(self.state.child(data), log=self.log, before=self.whole, begin=here, stack=list(self.stack), entries=self.entries)


def error_text(error: BaseException) -> str:
    """The message of an exception, as failures report it."""
    if isinstance(error, KeyError) and len(error.args) == 1:
        return f"field {error.args[0]!r} is missing"
    return str(error) or type(error).__name__


def kinds_of(error: BaseException) -> frozenset[str]:
    """The names under which `errors:` may list an exception: its class and its bases, alone or with their module."""
    return _names_of(type(error).__mro__)


@lru_cache(maxsize=1000)
def _names_of(classes: tuple[type, ...]) -> frozenset[str]:
    return frozenset(c.__name__ for c in classes) | frozenset(f"{c.__module__}.{c.__qualname__}" for c in classes)


def failed(reason: Reason, state: str, function: str, error: Exception, attempts: int = 1) -> StepFailed:
    """What an exception makes of a step."""
    return StepFailed(reason, state, function, type(error).__name__, error_text(error), kinds_of(error), attempts)


def refusal(messages: Sequence[str], state: str, step: str) -> StepFailed:
    """What messages of a validate or of requires make of a step."""
    return StepFailed("validate", state, step, "ValidationError", "; ".join(messages), kinds_of(ValidationError()))
