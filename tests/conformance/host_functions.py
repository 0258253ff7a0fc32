"""Functions of the host that conformance cases name by `ref`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

Data = dict[str, Any]


def _doubled(data: Data) -> Data:
    return {**data, "n": data["n"] * 2}


async def _doubled_later(data: Data) -> Data:
    await asyncio.sleep(0)
    return _doubled(data)


def _in_wave(records: list[Data]) -> list[Data]:
    return [{**data, "of": len(records)} for data in records]


def _slots(records: list[Data]) -> list[Data | Exception]:
    return [KeyError(data["id"]) if data.get("bad") else data for data in records]


def _strict(records: list[Data]) -> list[Data]:
    if any(data.get("bad") for data in records):
        raise ValueError("a bad one is among them")
    return records


async def _fine(data: Data) -> bool:
    await asyncio.sleep(0)
    return True


async def _never(data: Data) -> Data:
    await asyncio.Event().wait()
    return data


class Host:
    """A fresh set of functions for one case; `flaky`, `shaky` and `counted` remember how often a record came."""

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()

    def flaky(self, data: Data) -> Data:
        """Fails the first `fails` times that a record comes, with a ConnectionError."""
        self._seen[data["id"]] += 1
        if self._seen[data["id"]] <= data["fails"]:
            raise ConnectionError("not yet")
        return {**data, "attempt": self._seen[data["id"]]}

    def shaky(self, records: list[Data]) -> list[Data | Exception]:
        """Each slot as `flaky` would; `of` says how many records the call held."""
        return [self._slot(data, len(records)) for data in records]

    def _slot(self, data: Data, count: int) -> Data | Exception:
        try:
            return {**self.flaky(data), "of": count}
        except ConnectionError as error:
            return error

    def counted(self, data: Data) -> Data:
        """Says how often this record came."""
        self._seen[data["id"]] += 1
        return {**data, "calls": self._seen[data["id"]]}

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions by their names."""
        return {
            "double": _doubled, "double_later": _doubled_later, "in_wave": _in_wave, "slots": _slots, "strict": _strict, "never": _never, "fine": _fine,
            "flaky": self.flaky, "shaky": self.shaky, "counted": self.counted, "answer": lambda given: given["a"], "silent": _silent, "late": _late, "short": lambda records: records[1:],
            "pairs": lambda all_args: [[one["a"], one["b"]] for one in all_args], "is_good": lambda data: data["n"] > 0, "null": lambda data: None,
        }


def _late(data: Data) -> Data:
    raise TimeoutError("too late")


def _silent(data: Data) -> Data:
    raise RuntimeError
