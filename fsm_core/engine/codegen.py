"""A machine as one Python function over a batch.

The interpreter says what is right. Whatever raises here, and whatever is unusual, is run again by it from the raw value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import orjson

from fsm_core.definition import Definition
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import SOURCE
from fsm_core.engine.codec import Decoder, refuse_nonfinite
from fsm_core.engine.delivery import most_output
from fsm_core.engine.ending import End, Endings
from fsm_core.engine.ends import key_bytes
from fsm_core.engine.functions import Functions
from fsm_core.engine.graph import cyclic_states
from fsm_core.engine.interpreter import Interpreter
from fsm_core.engine.interpreter import Walking as Walks
from fsm_core.engine.points import Point, shape_of
from fsm_core.engine.purity import why_interpreted
from fsm_core.engine.source import Flow, Source, TooLarge
from fsm_core.engine.state import Fields, MetaSource, State, meta_fields
from fsm_core.engine.steps import Steps
from fsm_core.engine.tally import Tally
from fsm_core.engine.walk import Walk
from fsm_core.engine.walking import AskingWalking, Leaf, Walking
from fsm_core.expressions.functions import text

_STRAIGHT = 1500
"""Lines of generated code that may go into one way for each path; beyond them ways that meet share a block."""
_STRAIGHT_POINTS = 150
"""States that such code never holds: a state takes ten lines and more, so it is not even tried."""
_BLOCKS, _A_STATE, _MOST = 3000, 60, 40_000
"""Lines in blocks: so many, and so many for each state, and never more than the last. A state takes about ten; where branches multiply in spite of
blocks, the generator would work for seconds on code that no cache holds."""
_BYTES = 256


class Unusual(Exception):
    """The generated code leaves this record to the interpreter."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A generated function, over a batch or, where records wait, over one, and the pieces of paths that it counts, `counted` by itself and the others in `walks`.

    `usual`: the end that it need not write down. `called`: states whose code is called as its author wrote it, and why.
    """

    function: Callable[..., Any]
    leaves: tuple[Leaf, ...]
    counted: tuple[int, ...]
    text: str
    usual: str | None
    called: tuple[tuple[str, str], ...]

    def run(self, values: Sequence[bytes], tally: Tally, interpret: Callable[[int], None],
            meta_of: Callable[[int], MetaSource], now: float) -> None:
        """Run a batch into the tally; `interpret(position)` settles a record that the generated code leaves."""
        def interpreted(position: int) -> str | None:
            interpret(position)
            return tally.ends.pop()

        ends: list[str | None] = [self.usual] * len(values)
        walks: bytearray | list[int] = bytearray() if len(self.leaves) <= _BYTES else []
        counts = self.function(values, tally.rows.append, tally.rows.extend, tally.failures.append, ends, walks, walks.append,
                               interpreted, meta_of, now)
        tally.ends = ends
        self._count([*zip(self.counted, counts, strict=True), *_times(walks, len(self.leaves))], tally)

    def walkings(self, values: Sequence[bytes], tally: Tally, interpret: Callable[[int, list[Any], Exception], Walks],
                 meta_of: Callable[[int], MetaSource], now: float) -> tuple[list[Walks], Callable[[], None]]:
        """The walks of records that wait, not yet begun, and what completes the tally when all are through.

        `interpret` walks one again, with the answers that it got.
        """
        ends: list[str | None] = [self.usual] * len(values)
        walks: list[int] = []

        def interpreted(position: int, answers: list[Any], error: Exception) -> Walks:
            yield from interpret(position, answers, error)
            ends[position] = tally.ends.pop()

        def finish() -> None:
            tally.ends = ends
            tally.rows.sort(key=itemgetter(0))
            tally.failures.sort(key=itemgetter(0))
            self._count(Counter(walks).items(), tally)

        made = [self.function(position, raw, tally.rows.append, tally.rows.extend, tally.failures.append, ends, walks.extend,
                              interpreted, meta_of, now) for position, raw in enumerate(values)]
        return made, finish

    def _count(self, pieces: Iterable[tuple[int, int]], tally: Tally) -> None:
        for number, times in pieces:
            leaf = self.leaves[number]
            tally.walked(leaf.path, leaf.arcs, times)
            if leaf.drop is not None:
                tally.drop(leaf.drop, times)


def _times(walks: bytearray | list[int], leaves: int) -> Iterable[tuple[int, int]]:
    """How often each number stands in the list; bytes are counted by a search for each, at a tenth of the price."""
    if isinstance(walks, list):
        return Counter(walks).items()
    return ((number, walks.count(number)) for number in range(leaves if walks else 0))


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be compiled: a machine as it is bound.

    `decode` None: the values are plain JSON, which generated code reads itself. `admits`: what a record must pass before it starts.
    `asks`: records may wait for the host.
    """

    definition: Definition
    functions: Functions
    interpreter: Interpreter
    ends: Mapping[str, End]
    failure_values: bool
    decode: Decoder | None
    admits: Callable[[dict[str, Any]], bool] | None
    asks: bool


def generate(job: Job) -> tuple[Compiled | None, tuple[tuple[str, str], ...]]:
    """The compiled machine, and what is not fused and why. None where only the interpreter will do."""
    try:
        reasons = tuple(dict.fromkeys(why_interpreted(job.definition)))
        if reasons:
            return None, reasons
        compiled = _compiled(job)
    except TooLarge as error:
        return None, ((job.definition.start, str(error)),)
    return compiled, compiled.called


def _compiled(job: Job) -> Compiled:
    """Straight code for each path if that is not long, else blocks where ways meet."""
    shape = shape_of(job.definition)
    if shape.points <= _STRAIGHT_POINTS:
        try:
            return _written(job, shape.heads or None, _STRAIGHT)
        except (TooLarge, RecursionError):
            pass
    try:
        return _written(job, shape.heads | shape.joins, min(_BLOCKS + _A_STATE * len(job.definition.states), _MOST))
    except RecursionError:
        raise TooLarge("more states in a row than the generator can follow") from None


def _written(job: Job, joins: frozenset[Point] | None, most: int) -> Compiled:
    """Write what stands around the walk: a loop over the batch, or a generator for one record where records wait."""
    source = Source(_names(job.functions), most)
    steps = Steps(source, job.functions, job.definition)
    endings = Endings(source, steps, job.ends, job.failure_values, most_output(job.definition))
    cyclic = cyclic_states(job.definition)
    kind = AskingWalking if job.asks else Walking
    walking = kind(job.definition, source, steps, endings, cyclic, joins, partial(_again, job.interpreter))
    source.names["_path"] = lambda walked: tuple(name for number in walked for name in walking.leaves[number].path)

    def body(flow: Flow) -> None:
        _read(job, source, flow)
        if joins is not None or cyclic:
            source.line(flow, "_c = 0; _st = None" if joins is not None else "_c = 0")
        walking.write((job.definition.start, ()), flow)

    if job.asks:
        _generator(source, body)
    else:
        trails = joins is not None or any(state.fan_out is not None for state in job.definition.states.values())
        _loop(source, body, trails, walking.counted)
    function, written = source.build("_run")
    return Compiled(function, tuple(walking.leaves), tuple(walking.counted), written, walking.usual, tuple(dict.fromkeys(steps.called_codes)))


def _loop(source: Source, body: Callable[[Flow], None], trails: bool, counted: list[int]) -> None:
    """A function over a batch; what raises, or is unusual, is interpreted. It returns how many records took each counted way."""
    source.line(Flow(0), "def _run(_values, _row, _extend, _fail, _ends, _walks, _walk, _interpret, _meta_of, _now):")
    zeros = len(source.lines)
    source.line(Flow(1), "for _i, _raw in enumerate(_values):")
    if trails:
        source.line(Flow(2), "_m = len(_walks)")
    source.line(Flow(2), "try:")
    body(Flow(3))
    source.line(Flow(2), "except _Exception:")
    if trails:
        source.line(Flow(3), "del _walks[_m:]")
    source.line(Flow(3), "_ends[_i] = _interpret(_i)")
    counters = [f"_n{number}" for number in counted]
    source.line(Flow(1), f"return ({', '.join(counters)}{',' if counters else ''})")
    if counters:
        source.lines.insert(zeros, f"    {' = '.join(counters)} = 0")


def _generator(source: Source, body: Callable[[Flow], None]) -> None:
    """A generator for one record; what raises, or is unusual, is interpreted from the start with the answers that there are."""
    source.line(Flow(0), "def _run(_i, _raw, _row, _extend, _fail, _ends, _done, _interpret, _meta_of, _now):")
    source.line(Flow(1), "_walks = []; _walk = _walks.append; _m = 0; _answers = []")
    source.line(Flow(1), "try:")
    body(Flow(2))
    source.line(Flow(1), "except _Exception as _raised:")
    source.line(Flow(2), "yield from _interpret(_i, _answers, _raised)")


def _read(job: Job, source: Source, flow: Flow) -> None:
    """From bytes to a record that may start."""
    if job.decode is not None:
        source.line(flow, f"_d = {source.hold('c', job.decode)}(_raw)")
    else:
        source.line(flow, "_d = _loads(_raw)")
        source.line(flow, "if _d.__class__ is not dict: raise _Unusual")
    if job.admits is not None:
        source.line(flow, f"if not {source.hold('s', job.admits)}(_d): raise _Unusual")


def _names(functions: Functions) -> dict[str, Any]:
    return {**functions.names, "_State": State, "_Fields": Fields, "_fields_of": meta_fields, "_Unusual": Unusual, "_Exception": Exception, "_loads": orjson.loads,
            "_dumps": orjson.dumps, "_refuse": refuse_nonfinite, "_SOURCE": SOURCE, "_key_bytes": key_bytes,
            "_nothing": {}, "_set": set, "_iter": iter, "_as_text": text, "_child": _child}


def _child(parent: State | None, data: dict[str, Any], meta: MetaSource, now: float) -> State | None:
    """What a child of a fan-out starts with, if its parent was shown to code already."""
    if parent is None:
        return None
    child = State(data, meta, now)
    child.context, child.message, child.error = dict(parent.context), parent.message, parent.error
    return child


def _again(interpreter: Interpreter, here: StateDefinition) -> Callable[..., tuple[str, Fields | None]]:
    """The interpreter on one state that something raised in: where the record is caught, and with which error."""
    def again(data: dict[str, Any], meta: MetaSource, now: float, message: str | None, error: Fields | None) -> tuple[str, Fields | None]:
        state = State(data, meta, now)
        state.message, state.error = message, error
        caught = interpreter.enter(here, Walk(state))
        if caught is None:
            raise Unusual
        return caught, state.error
    return again
