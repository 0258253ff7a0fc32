"""The simple interface: one object that processes a record, a list, or a stream."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Self, TypeVar

from fsm_core.engine.batch import Failure
from fsm_core.streams.chain import Chain, Stage, Staged
from fsm_core.streams.config import CoreStreamConfig
from fsm_core.streams.process import Recipe
from fsm_core.streams.progress import Progress, Tally
from fsm_core.streams.stream import Request, Stream, config_of

T = TypeVar("T")
OnProgress = Callable[[Progress], Any] | None


class AsyncSimpleFSM:
    """A machine with an async face. A dict is trusted unless said otherwise, a file is not.

    `last_summary` holds the counts of the last stream also when it was cancelled.
    """

    def __init__(self, config: Any, trusted: bool | None = None, functions: Any = None, params: Any = None) -> None:
        self._recipe = Recipe(config, trusted, functions, params, text=False)
        from fsm_core.loading import load  # here: loading needs the whole compiler, streams' types do not

        self.machine = load(config, trusted, functions, params)
        self.last_summary: dict[str, Any] | None = None

    async def process(self, data: Any) -> dict[str, Any]:
        """One record; never raises for a bad one. `outputs` is there only after a fan-out."""
        if not isinstance(data, dict):
            return _failed(data, f"the record is not an object but {type(data).__name__}")
        return _result(await self.machine.process_async(data))

    async def process_batch(self, records: Iterable[dict[str, Any]], on_progress: OnProgress = None) -> list[dict[str, Any]]:
        """The result of each record, in order; `on_progress` after every hundred."""
        results = []
        tally = Tally()
        for record in records:
            result = await self.process(record)
            results.append(result)
            tally.records += 1
            if result["error"] is not None:
                tally.failed += 1
                tally.errors = [*tally.errors, {"position": tally.records - 1, "message": result["error"]}][:100]
            if tally.records % 100 == 0:
                await _tell(on_progress, tally)
        if tally.records % 100:
            await _tell(on_progress, tally)
        return results

    async def process_stream(
        self, source: Any, sink: Any = None, chunk_size: int | None = None, use_streaming: bool = False,
        on_progress: OnProgress = None, error_sink: Any = None, dead_letter: Any = None, append: bool = False,
        input_format: str = "auto", output_format: str = "auto", config: CoreStreamConfig | None = None,
    ) -> dict[str, Any]:
        """The summary of the stream. It always streams; `use_streaming` is there for callers who say so."""
        request = Request(source, sink, error_sink, dead_letter, append, input_format, output_format, on_progress)
        stream = self.stream(request, config_of(chunk_size, config))
        try:
            return await stream.run()
        finally:
            self.last_summary = stream.summary

    def stream(self, request: Request, config: CoreStreamConfig) -> Stream:
        """A stream that is not started, for callers who want to stop it early. Needs the running loop."""
        return Stream(self.machine, self._recipe, request, config)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """This machine as a chain of one."""
        return (Stage(self.machine, self._recipe),)

    def __or__(self, other: Staged) -> Chain:
        """`cleaner | processor`: what this machine puts out goes into the other one, in one stream."""
        return Chain(self.stages + other.stages)

    def get_states(self) -> list[str]:
        """The names of the states, in the order of the document."""
        return list(self.machine.definition.states)

    def validate(self, record: Any) -> dict[str, Any]:
        """Whether the record would come through, and why not: {valid, errors}. Nothing is written anywhere."""
        if not isinstance(record, dict):
            return {"valid": False, "errors": ["the record is not an object"]}
        result = _result(self.machine.process(dict(record)))
        return {"valid": result["success"], "errors": [] if result["error"] is None else [result["error"]]}

    def close(self) -> None:
        """Nothing is held between calls; there so that callers may say they are done."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class SimpleFSM:
    """The same for callers without a loop; also works from inside one, in a thread."""

    def __init__(self, config: Any, trusted: bool | None = None, functions: Any = None, params: Any = None) -> None:
        self._fsm = AsyncSimpleFSM(config, trusted, functions, params)
        self.machine = self._fsm.machine

    def process(self, data: Any) -> dict[str, Any]:
        """See `AsyncSimpleFSM.process`."""
        return _run(lambda: self._fsm.process(data))

    def process_batch(self, records: Iterable[dict[str, Any]], on_progress: OnProgress = None) -> list[dict[str, Any]]:
        """See `AsyncSimpleFSM.process_batch`."""
        return _run(lambda: self._fsm.process_batch(records, on_progress))

    def process_stream(self, source: Any, sink: Any = None, **options: Any) -> dict[str, Any]:
        """See `AsyncSimpleFSM.process_stream`."""
        return _run(lambda: self._fsm.process_stream(source, sink, **options))

    @property
    def last_summary(self) -> dict[str, Any] | None:
        """The counts of the last stream, also when it was interrupted."""
        return self._fsm.last_summary

    def get_states(self) -> list[str]:
        """See `AsyncSimpleFSM.get_states`."""
        return self._fsm.get_states()

    def validate(self, record: Any) -> dict[str, Any]:
        """See `AsyncSimpleFSM.validate`."""
        return self._fsm.validate(record)

    def close(self) -> None:
        """See `AsyncSimpleFSM.close`."""
        self._fsm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _run(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    box: list[tuple[T, None] | tuple[None, BaseException]] = []

    def work() -> None:
        try:
            box.append((asyncio.run(start()), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            box.append((None, error))

    thread = threading.Thread(target=work, name="fsm-simple")
    thread.start()
    thread.join()
    outcome = box[0]
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


async def _tell(on_progress: OnProgress, tally: Tally) -> None:
    if on_progress is not None:
        tally.chunks += 1
        given = on_progress(tally.progress(None, None))
        if inspect.isawaitable(given):
            await given


def _failed(data: Any, message: str) -> dict[str, Any]:
    return {"final_state": None, "data": data, "path": [], "success": False, "error": message, "reason": "malformed"}


def _result(trace: Any) -> dict[str, Any]:
    result = _as_result(trace.end, trace.data, trace.path, trace.failure)
    outputs = getattr(trace, "outputs", None)
    return result if outputs is None else result | {"outputs": outputs}


def _as_result(end: str | None, data: Any, path: Iterable[str], failure: Failure | None) -> dict[str, Any]:
    return {
        "final_state": end, "data": data, "path": list(path), "success": failure is None,
        "error": None if failure is None else failure.message or failure.reason,
        "reason": None if failure is None else failure.reason,
    }
