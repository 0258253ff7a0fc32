"""What a state does to a record on entry, and what an arc does, as steps: made once for a machine, in the plainest code."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fsm_core.definition import Assign, Code, Remove, Rename, Require, Retry, Rules
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Reason
from fsm_core.engine.codec import describe
from fsm_core.engine.functions import Functions, StateFunction, waits
from fsm_core.engine.paths import renamed_path, with_path, without_path
from fsm_core.engine.rules import broken_rules
from fsm_core.engine.state import State
from fsm_core.engine.walk import CallFailed, Request, StepFailed, error_text, failed, refusal
from fsm_core.expressions.functions import text


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done to a record; what it raises is a failure of that name and reason.

    `run` gets the record's state. Where the host has to be asked first, `ask` says what, and `take` gets the answer. None of them
    changes a record in place.
    """

    reason: Reason
    name: str
    run: Callable[[State], Any]
    ask: Callable[[State], Request] | None = None
    take: Callable[[State, Any], Any] = lambda state, answer: answer


def done(steps: Sequence[Step], state: State, name: str) -> Any:
    """Do steps of the state `name` that ask nothing; what the last one gave. `StepFailed` if one fails."""
    made = None
    for step in steps:
        try:
            made = step.run(state)
        except StepFailed:
            raise
        except Exception as error:
            raise failed(step.reason, name, step.name, error) from error
    return made


def asked(steps: Sequence[Step], state: State, name: str) -> Generator[Request, Any, Any]:
    """`done`, where some ask."""
    made = None
    for step in steps:
        if step.ask is None:
            made = done([step], state, name)
            continue
        try:
            made = step.take(state, (yield step.ask(state)))
        except CallFailed as error:
            reason = step.reason if error.reason == "transform" else error.reason
            raise failed(reason, name, step.name, error.error, error.attempts) from None
        except Exception as error:
            raise failed(step.reason, name, step.name, error) from error
    return made


def asks(steps: Sequence[Step]) -> bool:
    """Whether one of them waits for the host."""
    return any(step.ask is not None for step in steps)


class Entering:
    """Makes the steps of one machine's states and arcs."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    def steps(self, here: StateDefinition) -> tuple[Step, ...]:
        """All that a state does, in its order. Where it fans out, the last one gives the children."""
        made = [self._validate(rule, here) for rule in here.validates]
        made += [self._let(let.name, let.template) for let in here.lets]
        made += [self._require(here)] if here.requires else []
        if here.fan_out is True:
            made += [self.transform(code, here.name, "transform", here.retry) for code in here.transforms[:-1]]
            return (*made, self._listed(here))
        made += [self.transform(code, here.name, "transform", here.retry) for code in here.transforms]
        made += [] if here.record is None else [self._record(here.record)]
        made += [_rename(line) for line in here.renames]
        made += [self._assign(assign) for assign in here.assigns]
        made += [_remove(item) for item in here.removes]
        made += [] if here.keep is None else [_keep(frozenset(here.keep))]
        made += [] if here.fan_out is None else [Step("transform", "fan_out", self.functions.of(here.fan_out))]
        return tuple(made)

    def logic(self, code: Code, reason: Reason, name: str, step: str, take: Callable[[State, Any], Any], retry: Retry | None = None) -> Step:
        """A step around a piece of logic, the host's too: `take` gets what it says."""
        function = self.functions.of(code)
        if not waits(code, retry):
            return Step(reason, step, lambda state: take(state, function(state)))
        host, called = code.host, function
        if host is not None and (host.batch or host.args is not None) and code.function is not None:
            called = code.function
        args = None if host is None or host.args is None else self.functions.of(host.args)
        whole = host is not None and host.batch

        def ask(state: State) -> Request:
            value: Any = args(state) if args is not None else state.data if whole else state
            return Request(name, code, called, value, retry)
        return Step(reason, step, _waiting, ask, take)

    def transform(self, code: Code, name: str, step: str, retry: Retry | None = None) -> Step:
        """The record becomes what the code says; where the host's answer has a place, the answer is put there."""
        into = code.host.into if code.host is not None else ()
        function = self.functions.of(code)
        if not into and not waits(code, retry):
            return Step("transform", step, partial(_become, function, "transform"))

        def take(state: State, answer: Any) -> None:
            state.data = with_path(state.data, into, answer) if into else _object(answer, "transform")
        return self.logic(code, "transform", name, step, take, retry)

    def message(self, code: Code, state: State) -> str:
        """A message; it never fails."""
        try:
            said = self.functions.of(code)(state)
            return said if isinstance(said, str) else text(said)
        except Exception as error:  # noqa: BLE001 - a message never fails a record
            return f"{type(error).__name__}: {error_text(error)}"

    def _validate(self, rule: Code | Rules, here: StateDefinition) -> Step:
        def judge(messages: list[str]) -> None:
            if messages:
                raise refusal(messages, here.name, "validate")
        if isinstance(rule, Rules):
            return Step("validate", "validate", lambda state: judge(broken_rules(rule, state.data)))
        return self.logic(rule, "validate", here.name, "validate", lambda state, answer: judge(_verdict(answer)))

    def _let(self, name: str, template: Code) -> Step:
        function = self.functions.of(template)

        def run(state: State) -> None:
            state.lets[name] = function(state)
        return Step("transform", f"let.{name}", run)

    def _require(self, here: StateDefinition) -> Step:
        conditions = [(require, self.functions.of(require.condition)) for require in here.requires]

        def holds(condition: Callable[[State], Any], state: State) -> bool:
            try:
                return bool(condition(state))
            except Exception:  # noqa: BLE001 - a condition that raises is one that does not hold
                return False

        def run(state: State) -> None:
            broken = [require for require, condition in conditions if not holds(condition, state)]
            if broken:
                raise refusal([self._required(require, state) for require in broken], here.name, "require")
        return Step("validate", "require", run)

    def _required(self, require: Require, state: State) -> str:
        return require.condition.source.strip() if require.message is None else self.message(require.message, state)

    def _record(self, template: Code) -> Step:
        return Step("transform", "record", partial(_become, self.functions.of(template), "record"))

    def _assign(self, assign: Assign) -> Step:
        value, path = self.functions.of(assign.template), assign.path
        guard = None if assign.guard is None else self.functions.of(assign.guard)

        def run(state: State) -> None:
            if guard is None or guard(state):
                state.data = with_path(state.data, path, value(state))
        return Step("transform", f"set.{assign.text}", run)

    def _listed(self, here: StateDefinition) -> Step:
        """`fan_out: true`: the last transform gives the list; without one the record itself would have to be it."""
        if not here.transforms:
            return Step("transform", "fan_out", lambda state: state.data)
        return self.logic(here.transforms[-1], "transform", here.name, "transform", lambda state, answer: answer, here.retry)


def _become(function: StateFunction, what: str, state: State) -> None:
    """The record becomes what a function says."""
    made = function(state)
    state.data = made if made.__class__ is dict else _object(made, what)


def _rename(line: Rename) -> Step:
    def run(state: State) -> None:
        state.data = renamed_path(state.data, line.source, line.target)
    return Step("transform", f"rename.{line.text}", run)


def _remove(item: Remove) -> Step:
    def run(state: State) -> None:
        state.data = without_path(state.data, item.path)
    return Step("transform", f"remove.{item.text}", run)


def _keep(names: frozenset[str]) -> Step:
    def run(state: State) -> None:
        state.data = {name: value for name, value in state.data.items() if name in names}
    return Step("transform", "keep", run)


def _waiting(state: State) -> Any:
    raise AssertionError("a step that waits, and nobody asked whether it does")


def _verdict(answer: Any) -> list[str]:
    """What a validate says: a boolean, or a list of messages."""
    if isinstance(answer, bool):
        return [] if answer else ["the record is not valid"]
    if isinstance(answer, list):
        return [str(message) for message in answer]
    raise TypeError(f"validate returned {describe(answer)}, not a boolean or a list of messages")


def _object(answer: Any, what: str) -> dict[str, Any]:
    if isinstance(answer, dict):
        return answer
    raise TypeError(f"{what} returned {describe(answer)}, not an object")


def children(made: Any, name: str) -> list[dict[str, Any]]:
    """What the last step of a state that fans out gave, as the children."""
    if not isinstance(made, list):
        raise failed("transform", name, "fan_out", TypeError(f"fan_out takes a list, not {describe(made)}"))
    for item in made:
        if not isinstance(item, dict):
            raise failed("transform", name, "fan_out", TypeError(f"an item of fan_out is an object, not {describe(item)}"))
    return made
