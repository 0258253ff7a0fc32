"""Cases through a machine, as the worker would run them, and what came otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fsm_core.casebook.answers import Unanswered, with_answers
from fsm_core.casebook.matching import Mismatch, differ, shown
from fsm_core.casebook.parsing import Case, parse_cases
from fsm_core.definition import Arc, Definition, Mark
from fsm_core.document.reading import Document
from fsm_core.engine.batch import SOURCE, BatchResult, Failure, Meta, Output
from fsm_core.engine.codec import Malformed, Unencodable, decode, decode_exactly, encode
from fsm_core.engine.ends import header_bytes, key_bytes
from fsm_core.engine.machine import Machine
from fsm_core.engine.protocol import Call, perform_at_once
from fsm_core.engine.tracing import Trace
from fsm_core.errors import DocumentError


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a case came to. `failure` is the record's own, whether or not it was expected."""

    name: str
    mismatches: tuple[Mismatch, ...]
    mark: Mark = Mark()
    failure: Failure | None = None
    path: tuple[str, ...] = ()
    arcs: frozenset[tuple[str, str]] = frozenset()

    @property
    def passed(self) -> bool:
        """Nothing came otherwise."""
        return not self.mismatches

    def lines(self) -> list[str]:
        """Why it failed: each mismatch, the record's failure, the way it took."""
        found = [str(one) for one in self.mismatches]
        if self.failure is not None:
            at = ", ".join(x for x in (self.failure.state, self.failure.function, self.failure.error) if x)
            found.append(f"the record failed: {self.failure.reason} ({at}): {self.failure.message}")
        return [*found, "path: " + " > ".join(self.path)] if self.path else found


@dataclass(frozen=True, slots=True)
class _Came:
    state: str | None
    reason: str | None
    data: Any
    outputs: tuple[Output, ...]
    failure: Failure | None
    meta: Meta


def run_tests(machine: Machine, cases: Sequence[Case] | None = None, params: Mapping[str, Any] | None = None) -> list[CaseResult]:
    """Run a machine's own tests, or the cases given; a case's params win over `params`. DocumentError where tests are written wrongly."""
    definition = machine.definition
    if cases is None:
        tests = {"tests": list(definition.tests), "params": dict(definition.params)}
        cases, findings = parse_cases(Document(tests, definition.trusted, definition.mark.file))
        if findings:
            raise DocumentError(findings)
    made: dict[str, Machine] = {}
    results: list[CaseResult] = []
    for case in cases:
        values = {**definition.params, **(params or {}), **case.params}
        key = json.dumps([values, case.calls], sort_keys=True, default=repr)
        if key not in made:
            stand_in = with_answers(definition, case.calls)
            made[key] = machine if values == definition.params and stand_in is definition else Machine(replace(stand_in, params=values))
        results.append(_run(made[key], case))
    return results


def untaken_arcs(definition: Definition, results: Sequence[CaseResult]) -> list[Arc]:
    """The arcs that no test takes, each way of a switch as an arc; arcs between the same two states count as one."""
    taken = {arc for result in results for arc in result.arcs}
    return [one for arc in definition.arcs for one in _single(definition, arc) if (one.source, one.target) not in taken]


def _single(definition: Definition, arc: Arc) -> list[Arc]:
    """The arc as arcs that lead to one state each; into a pushed network to its start."""
    targets = dict.fromkeys(way.target if way.push is None else definition.networks[way.push].start for way in arc.ways)
    return [replace(arc, target=target, push=None, switch=None) for target in targets]


def _run(machine: Machine, case: Case) -> CaseResult:
    raw = json.dumps(case.given).encode()
    try:
        record = (decode_exactly if machine.definition.exact_numbers else decode)(raw)
    except Malformed as error:
        return CaseResult(case.name, (Mismatch("given", "a record", str(error)),), case.mark)
    try:
        trace, batch = _traced(machine, record, case), _batch(machine, raw, case)
    except Unanswered as error:
        return CaseResult(case.name, (Mismatch("calls", "an answer", str(error)),), case.mark)
    failure = batch.failures[0][1] if batch.failures else None
    reason = failure.reason if failure else next(iter(batch.drops), None)
    state = failure.state if failure else batch.ends[0]
    came = _Came(state, reason, _as_json(trace.data), tuple(batch.outputs), failure, case.meta or Meta())
    mismatches = (*_unexpected_failure(machine.definition, case.expect, failure), *_mismatches(case.expect, came))
    return CaseResult(case.name, mismatches, case.mark, failure, trace.path, frozenset(batch.arcs))


def _traced(machine: Machine, record: dict[str, Any], case: Case) -> Trace:
    """One record, its calls answered at once: retries do not wait."""
    if not machine.is_async:
        return machine.process(record, case.meta, case.now)
    return machine.process_answered(record, perform_at_once, case.meta, case.now)


def _batch(machine: Machine, raw: bytes, case: Case) -> BatchResult:
    step = machine.start([raw], [case.meta], case.now)
    while isinstance(step, Call):
        step = step.answer(perform_at_once(step.pending))
    return step.result


def _unexpected_failure(definition: Definition, expect: Mapping[str, Any], failure: Failure | None) -> Iterator[Mismatch]:
    """A failure that the test does not speak of fails it, even where all that it speaks of is right."""
    if failure is None or expect.keys() & {"reason", "message"}:
        return
    end = failure.state is not None and definition.states[failure.state].is_end
    if "state" not in expect or (end and failure.reason != "rejected"):
        yield Mismatch("failure", "none", failure.reason)


def _mismatches(expect: Mapping[str, Any], came: _Came) -> Iterator[Mismatch]:
    for key in ("state", "reason"):
        if key in expect:
            yield from differ(key, expect[key], getattr(came, key))
    if expect.get("message") is not None:
        message = came.failure.message if came.failure else None
        if message is None or expect["message"] not in message:
            yield Mismatch("message", f"a text with {shown(expect['message'])}", shown(message))
    if "data" in expect:
        yield from differ("data", expect["data"], came.data)
    for name in expect.get("absent") or ():
        if name in came.data:
            yield Mismatch(f"data.{name}", "no such field", shown(came.data[name]))
    outputs = [_output(one, came.meta) for one in came.outputs]
    for key in ("route", "key", "headers"):
        if key in expect and not outputs:
            yield Mismatch(key, shown(expect[key]), "no output")
        elif key in expect:
            yield from differ(key, _sent({key: expect[key]})[key], outputs[0][key])
    if "outputs" in expect:
        yield from differ("outputs", [_sent(one) for one in expect["outputs"] or ()], outputs)


def _output(output: Output, meta: Meta) -> dict[str, Any]:
    """An output as tests speak of it: key and headers as the text that is sent, those of the source where it keeps them."""
    key = meta.key if output.key is SOURCE else output.key
    own = {name: value.decode(errors="replace") for name, value in output.headers or ()}
    value = None if output.value is None else json.loads(output.value)
    return {"route": output.route, "key": key.decode(errors="replace") if isinstance(key, bytes) else key,
            "headers": {**meta.headers, **own}, "value": value}


def _sent(expected: Mapping[str, Any]) -> dict[str, Any]:
    """An expectation with its key and headers as text; what can be none stays and so matches nothing."""
    def text(value: Any, encoder: Any) -> Any:
        try:
            return None if value is None else encoder(value).decode()
        except TypeError:
            return value
    made = dict(expected)
    if "key" in made:
        made["key"] = text(made["key"], key_bytes)
    if isinstance(made.get("headers"), dict):
        made["headers"] = {name: text(value, header_bytes) for name, value in made["headers"].items()}
    return made


def _as_json(data: dict[str, Any]) -> Any:
    try:
        return json.loads(encode(data))
    except Unencodable:
        return data
