"""The dead-letter file: one JSON object a line for every record that raised or could not be read."""

from __future__ import annotations

import base64
import os
from typing import Any

import orjson

from fsm_core.engine.batch import Failure
from fsm_core.streams.sinks import Sink, sink_of

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class DeadLetters:
    """Made only when the first failure comes; a stale default file is removed at the start."""

    def __init__(self, target: Any, append: bool, most: int) -> None:
        self._target, self._append, self._most = target, append, most
        self._sink: Sink | None = None
        if isinstance(target, (str, os.PathLike)) and not append:
            path = os.fspath(target)
            if os.path.isfile(path):
                os.remove(path)

    async def write(self, first: int, failures: list[tuple[int, Failure, bytes]]) -> None:
        """Write the failures of a chunk whose first record has the position `first`."""
        if not failures or self._target is None:
            return
        if self._sink is None:
            plain = isinstance(self._target, (str, os.PathLike))
            self._sink = sink_of(self._target, "jsonl" if plain else "auto", self._append, self._most)
        await self._sink.write([letter(first + index, failure, raw) for index, failure, raw in failures])

    async def close(self) -> None:
        if self._sink is not None:
            await self._sink.close()


def letter(position: int, failure: Failure, raw: bytes) -> bytes:
    """One dead letter; the record as an object where it is one, else its bytes."""
    line: dict[str, Any] = {"position": position, "reason": failure.reason, "state": failure.state,
                            "function": failure.function, "error": failure.error, "message": failure.message,
                            "path": list(failure.path)}
    if _is_object(raw):  # as it stands, so that no number changes; a line break between tokens is only space
        return orjson.dumps(line)[:-1] + b',"record":' + raw.strip().translate(_ONE_LINE) + b"}"
    return orjson.dumps(line | {"raw_base64": base64.b64encode(raw).decode()})


def _is_object(raw: bytes) -> bool:
    try:
        return isinstance(orjson.loads(raw), dict)
    except ValueError:
        return False
