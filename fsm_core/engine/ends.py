"""What an end state adds to a record that leaves: key, headers, timestamp, a tombstone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsm_core.definition import Code
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.batch import SOURCE, Headers, Key
from fsm_core.engine.codec import describe
from fsm_core.engine.functions import Functions, StateFunction


def key_bytes(value: Any) -> bytes | None:
    """A key as it is sent: text as UTF-8, an integer in decimal, bytes as they are, None as null."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    raise TypeError(f"a key is text, an integer or null, not {describe(value)}")


def header_bytes(value: Any) -> bytes:
    """A header as it is sent: text as it is, numbers and booleans as JSON."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int | float):
        return json.dumps(value, allow_nan=False).encode()
    raise TypeError(f"a header is text, a number or a boolean, not {describe(value)}")


def timestamp_ms(value: Any) -> int:
    """Seconds as the milliseconds that are sent."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"a timestamp is a number of seconds from 1970 on, not {value!r}")
    return round(value * 1000)


@dataclass(frozen=True, slots=True)
class Addressing:
    """How the outputs of one end state are addressed. None: the output keeps what its source has."""

    key: StateFunction | None = None
    headers: tuple[tuple[str, StateFunction], ...] = ()
    timestamp: StateFunction | None = None
    tombstone: bool = False

    @property
    def plain(self) -> bool:
        """Nothing is computed."""
        return self.key is None and not self.headers and self.timestamp is None and not self.tombstone

    def steps(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """What is computed, by the name a failure calls it, in order."""
        steps: list[tuple[str, Callable[[Any], Any]]] = []
        if self.key is not None:
            key = self.key
            steps.append(("key", lambda state: self._key(key(state))))
        if self.headers:
            steps.extend((f"headers.{n}", _header(n, make)) for n, make in self.headers)
        if self.timestamp is not None:
            stamp = self.timestamp
            steps.append(("timestamp", lambda state: timestamp_ms(stamp(state))))
        return steps

    def _key(self, value: Any) -> bytes | None:
        key = key_bytes(value)
        if key is None and self.tombstone:
            raise ValueError("a tombstone needs a key")
        return key


def _header(name: str, make: StateFunction) -> Callable[[Any], tuple[str, bytes] | None]:
    def header(state: Any) -> tuple[str, bytes] | None:
        value = make(state)
        return None if value is None else (name, header_bytes(value))
    return header


def collect(answers: Mapping[str, Any]) -> tuple[Key, Headers | None, int | None]:
    """Key, headers and timestamp of a row, from the answers of `steps`."""
    headers = [answer for name, answer in answers.items() if name.startswith("headers.") and answer is not None]
    return answers.get("key", SOURCE), headers or None, answers.get("timestamp")


def addressing(end: StateDefinition, functions: Functions, keys: Mapping[str | None, Code],
               headers: Mapping[str | None, Mapping[str, Code]]) -> Addressing:
    """How an end state's outputs are addressed: what it says itself wins over what the host bound to its route."""
    key = end.key if end.key is not None else keys.get(end.route)
    merged = {**headers.get(end.route, {}), **dict(end.headers)}
    return Addressing(
        None if key is None else functions.of(key),
        tuple((name, functions.of(item)) for name, item in merged.items()),
        None if end.timestamp is None else functions.of(end.timestamp), end.tombstone)
