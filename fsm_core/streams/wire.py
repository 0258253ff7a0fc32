"""What goes through a pipe between processes: a pickled head, then bytes as they are."""

from __future__ import annotations

import io
import os
import pickle
import struct
from typing import Any

from fsm_core.engine.batch import Failure

_SIZES = struct.Struct("=QQ")
_PIECE = 1 << 20


def send(pipe: int, head: Any, body: bytes | bytearray = b"") -> None:
    """Write one message; waits while the pipe is full."""
    packed = _pickled(head)
    left = [memoryview(part) for part in (_SIZES.pack(len(packed), len(body)), packed, body) if part]
    while left:
        written = os.writev(pipe, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]


def receive(pipe: int) -> tuple[Any, bytes]:
    """The next message; waits for all of it. `EOFError` if the other side is gone."""
    head, body = _SIZES.unpack(_exactly(pipe, _SIZES.size))
    return pickle.loads(_exactly(pipe, head)), _exactly(pipe, body)


def _exactly(pipe: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(pipe, min(size, _PIECE))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _pickled(value: Any) -> bytes:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {Failure: _parts}
    pickler.dump(value)
    return file.getvalue()


def _parts(failure: Failure) -> tuple[Any, ...]:
    """A frozen dataclass with slots pickles slowly by itself; its `value` is laid out already where it is wanted."""
    return Failure, (failure.reason, failure.state, failure.function, failure.error, failure.message, failure.path, failure.attempts)
