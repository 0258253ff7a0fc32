"""Generated code for how a record ends: a row, a failure of an error end, a drop."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsm_core.definition import Code
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import Failure
from fsm_core.engine.codec import Encoder, encode, encode_measured
from fsm_core.engine.delivery import CHILD
from fsm_core.engine.ends import Addressing, collect
from fsm_core.engine.reading import build
from fsm_core.engine.source import NULL, Flow, Source
from fsm_core.engine.state import State
from fsm_core.engine.steps import Steps


@dataclass(frozen=True, slots=True)
class End:
    """How the outputs of an end are addressed; `key`: its formula, where a key is all that is computed."""

    how: Addressing
    key: Code | None = None
    encode: Encoder | None = None


class Endings:
    """Writes the ends of one machine. `most`: how many bytes the children of one record may come to."""

    def __init__(self, source: Source, steps: Steps, ends: Mapping[str, End], failure_values: bool, most: int | None = None) -> None:
        self._source, self._steps, self._ends, self._failure_values, self._most = source, steps, ends, failure_values, most

    def output(self, end: StateDefinition, flow: Flow) -> Flow:
        """A row, to be sent at once or with the other children of a fan-out."""
        address, flow = self._address(self._ends[end.name], flow)
        value, flow = self._encoded(self._ends[end.name], flow)
        if flow.child and self._most is not None:
            self._source.line(flow, f"_z += {CHILD if value == 'None' else f'len(_v) + {CHILD}'}")
            self._source.line(flow, f"if _z > {self._most}: raise _Unusual")
        self._source.line(flow, f"{'_rows.append' if flow.child else '_row'}((_i, {end.route!r}, {value}, {address}))")
        return flow

    def _address(self, end: End, flow: Flow) -> tuple[str, Flow]:
        """Key, headers and timestamp."""
        if end.how.plain:
            return "_SOURCE, None, None", flow
        tree = None
        if end.key is not None:
            tree, flow = self._steps.fused(end.key, flow)
        if tree is not None:
            text, flow = self._steps.text(tree, flow)
            self._source.line(flow, f"_k = {text}")
            self._source.line(flow, "_k = _k.encode() if _k.__class__ is str else _key_bytes(_k)")
            return "_k, None, None", flow
        text, flow = self._steps.called(_addresser(end.how), flow)
        self._source.line(flow, f"_k, _h, _ts = {text}")
        self._steps.returned(flow)
        return "_k, _h, _ts", flow

    def _encoded(self, end: End, flow: Flow) -> tuple[str, Flow]:
        if end.how.tombstone:
            return "None", flow
        write = self._source.line
        if end.encode is not None:
            flow = build(self._source, flow)
            write(flow, f"_v = {self._source.hold('c', end.encode)}(_d)")
            return "_v", flow
        if flow.record.closed and flow.record.is_clean:
            write(flow, f"_v = _dumps({flow.record.literal()})")
            return "_v", flow
        flow = build(self._source, flow)
        write(flow, "_v = _dumps(_d)")
        if not flow.record.clean:
            write(flow, "if b'null' in _v: _refuse(_d)")
        return "_v", flow

    def reject(self, end: StateDefinition, flow: Flow) -> Flow:
        """The failure of an error end. A child's is its parent's: the interpreter says which one counts."""
        if flow.child:
            self._source.line(flow, "raise _Unusual")
            return flow
        message, flow = self._message(end, flow)
        fixed = isinstance(message, ast.Constant) and not flow.trail and flow.error is NULL
        if fixed and not self._failure_values and isinstance(message, ast.Constant):
            failure = Failure("rejected", end.name, path=flow.path, message=message.value or "")  # type: ignore[arg-type]  # text or None
            self._source.line(flow, f"_fail((_i, {self._source.hold('e', failure)}))")
            return flow
        record = "None"
        if self._failure_values:
            flow, record = build(self._source, flow), "_d"
        path = f"{'_path(_walks[_m:]) + ' if flow.trail else ''}{flow.path!r}"
        maker = self._source.hold("e", _rejecter(end.name, encode_measured if self._ends[end.name].encode is encode_measured else encode))
        self._source.line(flow, f"_fail((_i, {maker}({path}, {ast.unparse(message)}, {ast.unparse(flow.error)}, {record})))")
        return flow

    def _message(self, end: StateDefinition, flow: Flow) -> tuple[ast.expr, Flow]:
        """What the arc said, else what the end says."""
        said = isinstance(flow.message, ast.Constant) and flow.message.value is not None
        if end.message is None or said:
            return flow.message, flow
        if isinstance(flow.message, ast.Constant):
            return self.message(end.message, flow)
        local = self._source.name("t")
        flow = build(self._source, flow)
        self._source.line(flow, f"{local} = {ast.unparse(flow.message)}")
        self._source.line(flow, f"if {local} is None:")
        own, _ = self.message(end.message, flow.deeper())
        self._source.line(flow.deeper(), f"{local} = {ast.unparse(own)}")
        return ast.Name(local, ast.Load()), flow

    def message(self, code: Code, flow: Flow) -> tuple[ast.expr, Flow]:
        """A message as an atom: text. One that raises is left to the interpreter."""
        tree, flow = self._steps.fused(code, flow)
        if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
            return tree, flow
        text, flow = self._steps.value(code, flow)
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {text}")
        self._source.line(flow, f"if {local}.__class__ is not str: {local} = _as_text({local})")
        return ast.Name(local, ast.Load()), flow


def _addresser(how: Addressing) -> Callable[[State], Any]:
    steps = how.steps()
    return lambda state: collect({name: make(state) for name, make in steps})


def _rejecter(end: str, encode: Encoder) -> Callable[..., Failure]:
    def rejected(path: tuple[str, ...], message: str | None, error: Mapping[str, Any] | None, record: dict[str, Any] | None) -> Failure:
        caught = error or {}
        value = None if record is None else encode(record)
        return Failure("rejected", end, None, caught.get("type"), (caught.get("message") or "") if message is None else message, path, 1, value)
    return rejected
