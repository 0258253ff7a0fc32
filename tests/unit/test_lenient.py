"""A header name that is no UTF-8 is read, and everything else as the client's own decoder reads it."""

import struct
from typing import Any

import pytest
from aiokafka.record._crc32c import crc as crc32c
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from worker.kafka.lenient import _Records

ROWS: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
    (5, None, b"v", [("aXYb", None), ("ok", b"1"), ("ok", b"")]), (-1, b"k", None, []), (9, b"", b"", [("ö", b"\xff")])]


def batch(compression: int = 0) -> bytes:
    made: Any = DefaultRecordBatchBuilder(
        magic=2, compression_type=compression, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=9999)
    for offset, (timestamp, key, value, headers) in enumerate(ROWS):
        made.append(offset, timestamp=timestamp, key=key, value=value, headers=headers)
    return bytes(made.build())


def rows(records: Any) -> list[Any]:
    return [(r.timestamp, r.key, r.value, list(r.headers)) for r in records.next_batch()]


@pytest.mark.parametrize("compression", range(5))
def test_it_reads_what_the_clients_decoder_reads(compression: int) -> None:
    """Every compression, twice the same batch."""
    data = batch(compression) * 2
    strict, lenient = MemoryRecords(data), _Records(data)
    assert rows(strict) == rows(lenient) == rows(lenient) == ROWS
    assert not lenient.has_next()


def test_a_name_that_is_no_text_is_read() -> None:
    """The client's decoder raises; a sealed batch is valid all the same."""
    data = bytearray(batch().replace(b"aXYb", b"a\xff\xfeb"))
    data[17:21] = struct.pack(">I", crc32c(bytes(data[21:])))
    with pytest.raises(UnicodeDecodeError):
        rows(MemoryRecords(bytes(data)))
    records = _Records(bytes(data))
    one = records.next_batch()
    assert one.validate_crc()
    assert [h for r in one for h in r.headers] == [("a\\xff\\xfeb", None), *(h for r in ROWS for h in r[3][1:]), ("ö", b"\xff")]
