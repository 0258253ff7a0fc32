"""What a state does to a record on entry, step by step, in the plainest code."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from fsm_core.definition import Assign, Code, Retry, Rules
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Reason
from fsm_core.engine.codec import describe
from fsm_core.engine.functions import Functions, StateFunction, waits
from fsm_core.engine.paths import renamed_path, with_path, without_path
from fsm_core.engine.rules import broken_rules
from fsm_core.engine.state import State
from fsm_core.engine.walk import CallFailed, Request, error_text, failed, refusal
from fsm_core.expressions.functions import text

Asking = Generator[Request, Any, Any]
"""A piece of a walk that may have to wait for the host."""


class Entering:
    """The steps of entering a state; none of them changes a record in place."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    def steps(self, here: StateDefinition, state: State) -> Generator[Request, Any, list[dict[str, Any]] | None]:
        """All that the state does, in its order. Returns the children where it fans out."""
        state.lets = {}
        yield from self._validate(here, state)
        for let in here.lets:
            state.lets[let.name] = self.value(let.template, state, "transform", here.name, f"let.{let.name}")
        self._require(here, state)
        if here.fan_out is True:
            return (yield from self._listed(here, state))
        for transform in here.transforms:
            state.data = yield from self.transformed(transform, state, here.name, "transform", here.retry)
        self._reshape(here, state)
        if here.fan_out is None:
            return None
        return _children(self.value(here.fan_out, state, "transform", here.name, "fan_out"), here.name)

    def _reshape(self, here: StateDefinition, state: State) -> None:
        """record, rename, set, remove, keep."""
        if here.record is not None:
            made = self.value(here.record, state, "transform", here.name, "record")
            state.data = _object(made, here.name, "record", "record")
        for line in here.renames:
            _step(here.name, f"rename.{line.text}", partial(renamed_path, state.data, line.source, line.target), state)
        for assign in here.assigns:
            self._assign(assign, state, here.name)
        for item in here.removes:
            state.data = without_path(state.data, item.path)
        if here.keep is not None:
            kept = frozenset(here.keep)
            state.data = {name: value for name, value in state.data.items() if name in kept}

    def _validate(self, here: StateDefinition, state: State) -> Generator[Request, Any, None]:
        for rule in here.validates:
            if isinstance(rule, Rules):
                messages = broken_rules(rule, state.data)
            else:
                messages = _verdict((yield from self.answer(rule, state, "validate", here.name, "validate")), here.name)
            _refuse(messages, here.name, "validate")

    def _require(self, here: StateDefinition, state: State) -> None:
        messages = []
        for require in here.requires:
            try:
                good = bool(self.functions.of(require.condition)(state))
            except Exception:  # noqa: BLE001 - a condition that raises is one that does not hold
                good = False
            if not good:
                said = None if require.message is None else self.message(require.message, state)
                messages.append(require.condition.source.strip() if said is None else said)
        _refuse(messages, here.name, "require")

    def message(self, code: Code, state: State) -> str:
        """A message; it never fails."""
        try:
            said = self.functions.of(code)(state)
            return said if isinstance(said, str) else text(said)
        except Exception as error:  # noqa: BLE001 - a message never fails a record
            return f"{type(error).__name__}: {error_text(error)}"

    def _listed(self, here: StateDefinition, state: State) -> Generator[Request, Any, list[dict[str, Any]]]:
        """`fan_out: true`: the last transform gives the list."""
        for transform in here.transforms[:-1]:
            state.data = yield from self.transformed(transform, state, here.name, "transform", here.retry)
        made: Any = state.data
        if here.transforms:
            made = yield from self.answer(here.transforms[-1], state, "transform", here.name, "transform", here.retry)
        return _children(made, here.name)

    def _assign(self, assign: Assign, state: State, name: str) -> None:
        step = f"set.{assign.text}"
        if assign.guard is not None and not self.value(assign.guard, state, "transform", name, step):
            return
        value = self.value(assign.template, state, "transform", name, step)
        _step(name, step, partial(with_path, state.data, assign.path, value), state)

    def transformed(self, code: Code, state: State, name: str, step: str, retry: Retry | None = None) -> Generator[Request, Any, dict[str, Any]]:
        """The record that a transform makes; the answer at `into` where it has one."""
        answer = yield from self.answer(code, state, "transform", name, step, retry)
        if code.host is None or not code.host.into:
            return _object(answer, name, step, "transform")
        try:
            return with_path(state.data, code.host.into, answer)
        except TypeError as error:
            raise failed("transform", name, step, error) from None

    def answer(self, code: Code, state: State, reason: Reason, name: str, step: str, retry: Retry | None = None) -> Asking:
        """What a piece of logic says, the host's too."""
        host = code.host
        if not waits(code, retry):
            return self._value(self.functions.of(code), state, reason, name, step)
        value: Any = state.data if host is not None and host.batch else state
        function = self.functions.of(code)
        if host is not None and host.args is not None:
            value = self.value(host.args, state, reason, name, step)
        if host is not None and (host.batch or host.args is not None):
            assert code.function is not None
            function = code.function
        try:
            return (yield Request(name, code, function, value, retry))
        except CallFailed as error:
            raise failed(reason if error.reason == "transform" else error.reason, name, step, error.error, error.attempts) from None

    def value(self, code: Code, state: State, reason: Reason, name: str, step: str) -> Any:
        """What a formula or template says."""
        return self._value(self.functions.of(code), state, reason, name, step)

    @staticmethod
    def _value(function: StateFunction, state: State, reason: Reason, name: str, step: str) -> Any:
        try:
            return function(state)
        except Exception as error:
            raise failed(reason, name, step, error) from error


def _step(name: str, step: str, change: Callable[[], dict[str, Any]], state: State) -> None:
    try:
        state.data = change()
    except TypeError as error:
        raise failed("transform", name, step, error) from None


def _refuse(messages: list[str], name: str, step: str) -> None:
    if messages:
        raise refusal(messages, name, step)


def _verdict(answer: Any, name: str) -> list[str]:
    """What a validate says: a boolean, or a list of messages."""
    if isinstance(answer, bool):
        return [] if answer else ["the record is not valid"]
    if isinstance(answer, list):
        return [str(message) for message in answer]
    raise failed("validate", name, "validate", TypeError(f"validate returned {describe(answer)}, not a boolean or a list of messages"))


def _object(answer: Any, name: str, step: str, what: str) -> dict[str, Any]:
    if isinstance(answer, dict):
        return answer
    raise failed("transform", name, step, TypeError(f"{what} returned {describe(answer)}, not an object"))


def _children(made: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(made, list):
        raise failed("transform", name, "fan_out", TypeError(f"fan_out takes a list, not {describe(made)}"))
    for item in made:
        if not isinstance(item, dict):
            raise failed("transform", name, "fan_out", TypeError(f"an item of fan_out is an object, not {describe(item)}"))
    return made
