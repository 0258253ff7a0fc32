"""Reads batches whose header names are no UTF-8: the client's own decoder fails on them, and its partition would stand still."""

from __future__ import annotations

from typing import Any

import aiokafka.consumer.fetcher as aiokafka_fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import _MemoryRecordsPy

_STRICT = aiokafka_fetcher.MemoryRecords


class _Bytes(bytearray):
    """Text in it decodes whatever it is."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Bytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        """Bytes that are no text show as `\\xff`."""
        return super().decode(encoding, errors)


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Bytes(self._buffer)


class _Records(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self) -> Any:
        """The next batch, decoded in Python: slow, and used only for a while after the client's decoder failed."""
        following = self._next_slice
        if following is None:
            return None
        self._cache_next()
        magic = following[self.MAGIC_OFFSET]
        return _Batch(following) if magic >= 2 else LegacyRecordBatch(following, magic)


def read_leniently(on: bool) -> None:
    """Choose the decoder for what is fetched from now on."""
    aiokafka_fetcher.MemoryRecords = _Records if on else _STRICT
