"""A machine that runs: batches of values in, outputs and failures out."""

from __future__ import annotations

import ast
import asyncio
import copy
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsm_core.definition import Code, Definition, Finding
from fsm_core.engine.batch import BatchResult, Failure, Meta
from fsm_core.engine.codec import Decoder, Malformed, decode, decode_text, settle_heap
from fsm_core.engine.codegen import Job, generate
from fsm_core.engine.delivery import Delivery
from fsm_core.engine.ending import End
from fsm_core.engine.ends import Addressing, addressing
from fsm_core.engine.functions import Functions
from fsm_core.engine.interpreter import Interpreter, Resolve, Walk, codes_of
from fsm_core.engine.language import parse_host_formula
from fsm_core.engine.protocol import Done
from fsm_core.engine.state import MetaSource, State, no_meta
from fsm_core.engine.tally import Tally
from fsm_core.errors import AsyncMachineError

Metas = Sequence[Meta | None] | Callable[[int], Meta] | None
"""Where records come from: aligned with the values, or a function of the position that is called only when code reads it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One record through the interpreter: `end` is None if it failed before one, `data` is the last data."""

    end: str | None
    data: dict[str, Any]
    path: tuple[str, ...]
    failure: Failure | None
    outcome: str | None
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a host adds to a machine."""

    keys: Mapping[str | None, Code] = field(default_factory=dict)
    headers: Mapping[str | None, Mapping[str, Code]] = field(default_factory=dict)
    failure_values: bool = False
    text: bool = False


class Machine:
    """A definition, ready to run. Holds no state of any record: runs may follow each other in any order."""

    def __init__(self, definition: Definition, binding: Binding | None = None) -> None:
        settle_heap()
        self.definition = definition
        self.digest = definition.digest
        self._binding = binding or Binding()
        self._functions = Functions(definition)
        self.is_async = any(_is_async(code) for code in codes_of(definition))
        self._decode: Decoder = decode_text if self._binding.text else decode
        self._delivery = Delivery(
            {name: addressing(state, self._functions, self._binding.keys, self._binding.headers)
             for name, state in definition.states.items() if state.is_end}, self._binding.failure_values)
        self._interpreter = Interpreter(definition, self._functions)
        ends = {name: End(how, self._key_alone(name, how)) for name, how in self._delivery.addressing.items()}
        self._compiled, self._why_not = generate(Job(definition, self._functions, self._interpreter, ends,
                                                     self._binding.failure_values, self._binding.text))

    def bind(self, keys: Mapping[str | None, str] | None = None,
             headers: Mapping[str | None, Mapping[str, str]] | None = None, failure_values: bool = False,
             text: bool = False) -> Machine:
        """This machine with computed keys and headers (route → formula, a leading `=` allowed), and other reading."""
        return Machine(self.definition, Binding(
            {route: parse_host_formula(source) for route, source in (keys or {}).items()},
            {route: {name: parse_host_formula(source) for name, source in fields.items()}
             for route, fields in (headers or {}).items()}, failure_values, text))

    def run(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> BatchResult:
        """Run a batch. `AsyncMachineError` if the machine has async functions."""
        self._refuse_async()
        compiled = self._compiled
        if compiled is None:
            return self._interpreted(values, metas, now, self._interpreter)
        tally, moment = Tally(), _moment(now)
        compiled.run(values, tally, lambda i: self._interpret(i, values, metas, moment, tally, self._interpreter),
                     lambda i: _source(metas, i), moment)
        return tally.result()

    def run_interpreted(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> BatchResult:
        """Run a batch by the interpreter alone: the answer that `run` is held to."""
        self._refuse_async()
        return self._interpreted(values, metas, now, self._interpreter)

    async def run_async(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> BatchResult:
        """Run a batch on a machine of any kind; async functions are awaited on the running loop."""
        if not self.is_async:
            return self.run(values, metas, now)
        interpreter = Interpreter(self.definition, self._functions, _awaiting(asyncio.get_running_loop()))
        return await asyncio.to_thread(self._interpreted, values, metas, now, interpreter)

    def start(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> Done:
        """Run a batch until it is done or waits for a call; a machine of pure code is always done."""
        return Done(self.run(values, metas, now))

    def run_records(self, records: Sequence[dict[str, Any]], metas: Metas = None,
                    now: float | None = None) -> BatchResult:
        """Run records that the caller has decoded already, and leave them as they are."""
        self._refuse_async()
        tally, moment = Tally(), _moment(now)
        for position, record in enumerate(records):
            state = State(copy.deepcopy(record), _source(metas, position), moment)
            self._delivery.settle(self._interpreter.walk(state), position, tally)
        return tally.result()

    def process(self, data: dict[str, Any], meta: Meta | None = None, now: float | None = None) -> Trace:
        """One record through the interpreter; never raises for a bad record."""
        walk, tally, _ = self._one(data, meta, now, None)
        return _trace(walk, tally)

    async def process_async(self, data: dict[str, Any], meta: Meta | None = None, now: float | None = None) -> Trace:
        """`process` on a machine of any kind; async functions are awaited on the running loop."""
        if not self.is_async:
            return self.process(data, meta, now)
        interpreter = Interpreter(self.definition, self._functions, _awaiting(asyncio.get_running_loop()))
        state, tally = State(copy.deepcopy(data), no_meta if meta is None else lambda: meta, _moment(now)), Tally()
        walk = await asyncio.to_thread(interpreter.walk, state)
        self._delivery.settle(walk, 0, tally)
        return _trace(walk, tally)

    def explain(self, record: dict[str, Any], meta: Meta | None = None, now: float | None = None) -> list[dict[str, Any]]:
        """One record, step by step: data before and after each state, each guard with its value, how it ended."""
        _, tally, log = self._one(record, meta, now, [])
        last: dict[str, Any] = {"end": tally.ends[0]}
        if tally.failures:
            failure = tally.failures[0][1]
            last["failure"] = {"reason": failure.reason, "state": failure.state, "function": failure.function,
                               "error": failure.error, "message": failure.message}
        return [*log, last]

    @property
    def source(self) -> str | None:
        """The generated code; None if this machine runs by the interpreter alone."""
        return self._compiled.text if self._compiled else None

    @property
    def why_not_fused(self) -> list[tuple[str, str]]:
        """State and reason for all that the generated code calls as it is written, or why there is none."""
        return list(self._why_not)

    def check(self) -> list[Finding]:
        """What the static checks have to say about the definition."""
        from fsm_core.checks.checking import warnings_of  # here, because checks reads documents and so this package

        return warnings_of(self.definition)

    def _one(self, data: dict[str, Any], meta: Meta | None, now: float | None,
             log: list[dict[str, Any]] | None) -> tuple[Walk, Tally, list[dict[str, Any]]]:
        self._refuse_async()
        state = State(copy.deepcopy(data), no_meta if meta is None else lambda: meta, _moment(now))
        tally, walk = Tally(), self._interpreter.walk(state, log)
        self._delivery.settle(walk, 0, tally)
        return walk, tally, log or []

    def _interpreted(self, values: Sequence[bytes], metas: Metas, now: float | None,
                     interpreter: Interpreter) -> BatchResult:
        tally, moment = Tally(), _moment(now)
        for position in range(len(values)):
            self._interpret(position, values, metas, moment, tally, interpreter)
        return tally.result()

    def _interpret(self, position: int, values: Sequence[bytes], metas: Metas, now: float, tally: Tally,
                   interpreter: Interpreter) -> None:
        """One value through the interpreter: the answer that counts."""
        try:
            record = self._decode(values[position])
        except Malformed as error:
            tally.ends.append(None)
            tally.failures.append((position, Failure("malformed", error="Malformed", message=str(error))))
            return
        walk = interpreter.walk(State(record, _source(metas, position), now))
        self._delivery.settle(walk, position, tally)

    def _key_alone(self, name: str, how: Addressing) -> Code | None:
        """The formula of an end's key, where the key is all that is computed for it."""
        end = self.definition.states[name]
        key = end.key if end.key is not None else self._binding.keys.get(end.route)
        alone = isinstance(key, Code) and not how.headers and how.timestamp is None and not how.tombstone
        return key if alone and isinstance(key, Code) else None

    def _refuse_async(self) -> None:
        if self.is_async:
            raise AsyncMachineError(f"{self.definition.name} has async functions: use run_async")


def _trace(walk: Walk, tally: Tally) -> Trace:
    end = walk.end
    return Trace(tally.ends[0], walk.state.data, tuple(walk.path), tally.failures[0][1] if tally.failures else None,
                 None if end is None else end.outcome or "output", None if end is None else end.route)


def _is_async(code: object) -> bool:
    return isinstance(code, Code) and (
        inspect.iscoroutinefunction(code.function) or isinstance(code.tree, ast.AsyncFunctionDef))


def _source(metas: Metas, position: int) -> MetaSource:
    """The meta of one record, found only when code reads it."""
    if metas is None:
        return no_meta
    if callable(metas):
        return lambda: metas(position)
    return lambda: metas[position] or Meta()


def _moment(now: float | None) -> float:
    """`now` of a batch: what the host says, or the clock."""
    return time.time() if now is None else now


def _awaiting(loop: asyncio.AbstractEventLoop) -> Resolve:
    """Await answers on the host's loop from the thread that interprets."""
    def resolve(value: Any) -> Any:
        if not inspect.isawaitable(value):
            return value

        async def answer() -> Any:
            return await value
        return asyncio.run_coroutine_threadsafe(answer(), loop).result()
    return resolve
