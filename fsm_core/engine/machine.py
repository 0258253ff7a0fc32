"""A machine that runs: batches of values in, outputs and failures out."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsm_core.definition import Code, Definition, Finding
from fsm_core.engine.batch import BatchResult, Failure, Meta
from fsm_core.engine.codec import JSON, Codec, Decoder, Encoder, Malformed, decode, decode_exactly, encode, encode_measured, settle_heap
from fsm_core.engine.codegen import Compiled, Job, generate
from fsm_core.engine.delivery import Delivery, Outcome, most_output
from fsm_core.engine.ending import End
from fsm_core.engine.ends import Addressing, addressing
from fsm_core.engine.entering import Entering
from fsm_core.engine.functions import Functions, waits
from fsm_core.engine.interpreter import Interpreter, Walking, repeated
from fsm_core.engine.language import parse_host_formula
from fsm_core.engine.protocol import Answer, Done, Pending, Pendings, Step, begin, perform
from fsm_core.engine.purity import all_codes
from fsm_core.engine.schema import Schema
from fsm_core.engine.sharing import multiplies
from fsm_core.engine.state import MetaSource, State, no_meta
from fsm_core.engine.tally import Tally
from fsm_core.engine.tracing import Trace, last_step, trace_of
from fsm_core.engine.walk import CallFailed, Walk
from fsm_core.engine.waves import Waves
from fsm_core.errors import AsyncMachineError

Metas = Sequence[Meta | None] | Callable[[int], Meta] | None
"""Where records come from: aligned with the values, or a function of the position that is called only when code reads it."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What a host adds to a machine."""

    keys: Mapping[str | None, Code] = field(default_factory=dict)
    headers: Mapping[str | None, Mapping[str, Code]] = field(default_factory=dict)
    failure_values: bool = False
    codec: Codec = JSON
    codecs: Mapping[str | None, Codec] = field(default_factory=dict)


class Machine:
    """A definition, ready to run. Holds no state of any record: runs may follow each other in any order."""

    def __init__(self, definition: Definition, binding: Binding | None = None) -> None:
        settle_heap()
        self.definition = definition
        self.digest = definition.digest
        self._binding = binding or Binding()
        self._functions = Functions(definition)
        self.is_async = _is_async(definition)
        self._schema = Schema(definition.input_schema)
        is_json = self._binding.codec is JSON
        self._decode: Decoder = self._binding.codec.decode if not is_json else decode_exactly if definition.exact_numbers else decode
        self._delivery = Delivery(
            {name: addressing(state, self._functions, self._binding.keys, self._binding.headers)
             for name, state in definition.states.items() if state.is_end}, Entering(self._functions).message, self._binding.failure_values, self._binding.codecs,
            most_output(definition), encode_measured if multiplies(definition) else encode)
        self._interpreter = Interpreter(definition, self._functions)
        self._compiled, self._why_not = self._compile()

    def bind(self, keys: Mapping[str | None, str] | None = None,
             headers: Mapping[str | None, Mapping[str, str]] | None = None, failure_values: bool = False,
             codec: Codec = JSON, codecs: Mapping[str | None, Codec] | None = None) -> Machine:
        """This machine with computed keys and headers (route → formula, a leading `=` allowed), read by `codec`, written by a route's own or JSON."""
        return Machine(self.definition, Binding(
            {route: parse_host_formula(source) for route, source in (keys or {}).items()},
            {route: {name: parse_host_formula(source) for name, source in fields.items()}
             for route, fields in (headers or {}).items()}, failure_values, codec, codecs or {}))

    def run(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> BatchResult:
        """Run a batch. `AsyncMachineError` if the machine has async functions."""
        self._refuse_async()
        compiled = self._compiled
        if compiled is None:
            return self.run_interpreted(values, metas, now)
        tally, moment = Tally(), _moment(now)
        compiled.run(values, tally, lambda i: self._interpret(i, values, metas, moment, tally),
                     lambda i: _source(metas, i), moment)
        return tally.result()

    def run_interpreted(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> BatchResult:
        """Run a batch by the interpreter alone: the answer that `run` is held to."""
        self._refuse_async()
        tally, moment = Tally(), _moment(now)
        for position in range(len(values)):
            self._interpret(position, values, metas, moment, tally)
        return tally.result()

    def start(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> Step:
        """Run a batch until it is done or waits for a call; a machine of pure code is always done."""
        if not self.is_async:
            return Done(self.run(values, metas, now))
        moment = _moment(now)
        if self._compiled is None:
            return self.start_interpreted(values, metas, moment)
        return begin(self._compiled_calls(self._compiled, values, metas, moment))

    def start_interpreted(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> Step:
        """`start` by the interpreter alone: the answer that `start` is held to."""
        moment = _moment(now)
        return begin(self._calls([self._walk_of(raw, _source(metas, i), moment) for i, raw in enumerate(values)]))

    async def run_async(self, values: Sequence[bytes], metas: Metas = None, now: float | None = None) -> BatchResult:
        """Run a batch on a machine of any kind; its calls are made on the running loop."""
        return await _through(self.start(values, metas, now))

    def run_records(self, records: Sequence[dict[str, Any]], metas: Metas = None,
                    now: float | None = None) -> BatchResult:
        """Run records that the caller has decoded already, and leave them as they are."""
        self._refuse_async()
        tally, moment = Tally(), _moment(now)
        for position, record in enumerate(records):
            self._settle(self._admitted(State(copy.deepcopy(record), _source(metas, position), moment)), position, tally)
        return tally.result()

    def process(self, data: dict[str, Any], meta: Meta | None = None, now: float | None = None) -> Trace:
        """One record through the interpreter; never raises for a bad record."""
        self._refuse_async()
        walk = self._entering(data, meta, now)
        return trace_of(self._settle(walk, 0, Tally()), walk)

    async def process_async(self, data: dict[str, Any], meta: Meta | None = None, now: float | None = None) -> Trace:
        """`process` on a machine of any kind; its calls are made on the running loop."""
        if not self.is_async:
            return self.process(data, meta, now)
        walk = self._entering(data, meta, now)
        await _through(begin(self._calls([walk])))
        return trace_of(self._delivery.settle(walk, 0, Tally()), walk)

    def process_answered(self, data: dict[str, Any], answer: Callable[[Pending], Answer], meta: Meta | None = None,
                         now: float | None = None) -> Trace:
        """`process` on a machine of any kind, with a function that answers its calls."""
        walk = self._entering(data, meta, now)
        return trace_of(self._settle_answered(walk, answer, Tally()), walk)

    def explain(self, record: dict[str, Any], meta: Meta | None = None, now: float | None = None,
                answer: Callable[[Pending], Answer] | None = None) -> list[dict[str, Any]]:
        """One record, step by step: data before and after each state, each guard with its value, how it ended.

        `answer` makes the calls of a machine that has any.
        """
        walk, tally = self._entering(record, meta, now), Tally()
        log: list[dict[str, Any]] = []
        walk.log = log
        if self.is_async and answer is not None:
            self._settle_answered(walk, answer, tally)
        else:
            self._refuse_async()
            self._settle(walk, 0, tally)
        return [*log, last_step(tally)]

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

    def _entering(self, data: dict[str, Any], meta: Meta | None, now: float | None) -> Walk:
        """A walk that has not begun, over a copy of the caller's record."""
        return self._admitted(State(copy.deepcopy(data), no_meta if meta is None else lambda: meta, _moment(now)))

    def _settle_answered(self, walk: Walk, answer: Callable[[Pending], Answer], tally: Tally) -> Outcome:
        step = begin(self._calls([walk]))
        while not isinstance(step, Done):
            step = step.answer(answer(step.pending))
        return self._delivery.settle(walk, 0, tally)

    def _interpret(self, position: int, values: Sequence[bytes], metas: Metas, now: float, tally: Tally) -> None:
        """One value through the interpreter: the answer that counts."""
        self._settle(self._walk_of(values[position], _source(metas, position), now), position, tally)

    def _walk_of(self, raw: bytes, source: MetaSource, now: float) -> Walk:
        try:
            return self._admitted(State(self._decode(raw), source, now))
        except Malformed as error:
            return Walk(State({}, source, now), failure=Failure("malformed", error="Malformed", message=str(error)))

    def _admitted(self, state: State) -> Walk:
        """A walk that has not begun; one that the input schema refuses has failed already."""
        refusal = self._schema.refusal(state.data)
        return Walk(state, failure=None if refusal is None else Failure("schema", error="ValidationError", message=refusal))

    def _settle(self, walk: Walk, position: int, tally: Tally) -> Outcome:
        if walk.failure is None:
            self._interpreter.walk(walk)
        return self._delivery.settle(walk, position, tally)

    def _calls(self, walks: Sequence[Walk]) -> Pendings:
        """The walks of a batch, side by side."""
        yield from Waves(self._interpreter).interpret([walk for walk in walks if walk.failure is None])
        tally = Tally()
        for position, walk in enumerate(walks):
            self._delivery.settle(walk, position, tally)
        return tally.result()

    def _compiled_calls(self, compiled: Compiled, values: Sequence[bytes], metas: Metas, now: float) -> Pendings:
        """The records of a batch, side by side, by generated code."""
        tally = Tally()

        def interpret(position: int, answers: list[Any], error: Exception) -> Walking:
            walk = self._walk_of(values[position], _source(metas, position), now)
            if isinstance(error, CallFailed):
                answers.append(error)
            if walk.failure is None:
                yield from repeated(self._interpreter.go(walk), answers)
            for child in walk.children or ():
                self._interpreter.walk(child)
            self._delivery.settle(walk, position, tally)

        walkings, finish = compiled.walkings(values, tally, interpret, lambda i: _source(metas, i), now)
        yield from Waves(self._interpreter).run((walking, None) for walking in walkings)
        finish()
        return tally.result()

    def _compile(self) -> tuple[Compiled | None, tuple[tuple[str, str], ...]]:
        ends = {name: End(how, self._key_alone(name, how), self._encoder(name)) for name, how in self._delivery.addressing.items()}
        return generate(Job(self.definition, self._functions, self._interpreter, ends, self._binding.failure_values,
                            None if self._decode is decode else self._decode, self._schema.admits, self.is_async))

    def _encoder(self, name: str) -> Encoder | None:
        """What writes an end's records; None for JSON, which compiled code writes itself."""
        codec = self._binding.codecs.get(self.definition.states[name].route, JSON)
        if codec is not JSON:
            return codec.encode
        return None if self._delivery.encode is encode else self._delivery.encode

    def _key_alone(self, name: str, how: Addressing) -> Code | None:
        """The formula of an end's key, where the key is all that is computed for it."""
        end = self.definition.states[name]
        key = end.key if end.key is not None else self._binding.keys.get(end.route)
        alone = isinstance(key, Code) and not how.headers and how.timestamp is None and not how.tombstone
        return key if alone and isinstance(key, Code) else None

    def _refuse_async(self) -> None:
        if self.is_async:
            raise AsyncMachineError(f"{self.definition.name} has async functions: use run_async")


async def _through(step: Step) -> BatchResult:
    while not isinstance(step, Done):
        step = step.answer(await perform(step.pending))
    return step.result


def _is_async(definition: Definition) -> bool:
    """Whether some call has to wait for the host."""
    retried = {id(code): state.retry for state in definition.states.values() for code in state.transforms}
    return any(waits(code, retried.get(id(code))) for code in all_codes(definition))


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
