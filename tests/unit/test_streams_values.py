"""How files become values, without any machine."""

from __future__ import annotations

import io

import pytest

from fsm_core.streams.blocks import Blocks, Broken
from fsm_core.streams.formats import Format
from fsm_core.streams.values import encoded, values_of


def _read(raw: bytes, kind: str, step: int = 1 << 18) -> list[bytes]:
    file = io.BytesIO(raw)
    form = Format(kind, "")  # type: ignore[arg-type]
    return [v for values, _ in values_of(Blocks(lambda n: file.read(min(n, step))), form) for v in values]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_lines_are_records_whatever_the_blocks(step: int) -> None:
    """A byte order mark is skipped, blank lines are no records, the last line needs no line break."""
    assert _read(b'\xef\xbb\xbf{"a":1}\n\n  \r\n{"a":2}\r\n{"a":3}', "jsonl", step) == [b'{"a":1}', b'{"a":2}\r', b'{"a":3}']


def test_text_keeps_blank_lines() -> None:
    """Every line of a log is a record, also an empty one; CRLF is a line break."""
    assert _read(b"a\r\n\nb\n", "txt") == [b"a", b"", b"b"]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_array_elements_are_kept_as_they_stand(step: int) -> None:
    """An element's bytes are not changed: strings with brackets and quotes, nested values, scalars."""
    elements = [b'{"a": "],[{\\"\\\\"}', b"[1, [2]]", b"12", b'"x"', b'{"n": 123456789012345678901234567890}']
    assert _read(b" [" + b" ,\n".join(elements) + b"]\n", "json", step) == elements


@pytest.mark.parametrize(("raw", "whole"), [
    (b'[{"a":1},{"a":}, {"a":2}]', 1), (b'[{"a":1}', 1), (b'[{"a":1},]', 1), (b'{"a":1}', 0), (b'[{"a":1}] x', 1),
    (b'[{"a":1},{"b', 1), (b"[}", 0), (b'[{"a":1} {"b":2}]', 0), (b"[", 0),
])
def test_broken_array_is_one_broken_value_and_the_end(raw: bytes, whole: int) -> None:
    """Elements before the break come out, then one Broken, then nothing."""
    values = _read(raw, "json")
    assert [type(v) is Broken for v in values] == [False] * whole + [True]


def test_long_string_in_an_array_is_one_element() -> None:
    """An element that is longer than many blocks comes out whole, also as the last one."""
    long = b'{"x":"' + b"y" * 3_000_000 + b'"}'
    assert _read(b"[" + long + b',{"a":1},' + long + b"]", "json") == [long, b'{"a":1}', long]
    assert _read(b"[" + long + b"]", "json") == [long]


@pytest.mark.parametrize("raw", [b"", b"[]", b"[ ]\n"])
def test_empty_array_has_no_records(raw: bytes) -> None:
    """Nothing in it, nothing out of it."""
    assert _read(raw, "json") == []


def test_deep_nesting_in_an_array_is_one_element() -> None:
    """Depth costs no recursion: the elements after it are read."""
    deep = b"[" * 100_000 + b"]" * 100_000
    assert _read(b"[" + deep + b',{"a":1}]', "json") == [deep, b'{"a":1}']


def test_ragged_rows_are_broken_and_the_rest_is_read() -> None:
    """A row with too few or too many fields, or not UTF-8, is one Broken with its own bytes."""
    values = _read(b'a,b\n1,2\n3\n4,5,6\n\xff,1\n"x\ny",8\n', "csv")
    assert [v for v in values if type(v) is not Broken] == [b'{"a":"1","b":"2"}', b'{"a":"x\\ny","b":"8"}']
    assert [bytes(v) for v in values if type(v) is Broken] == [b"3\n", b"4,5,6\n", b"\xff,1\n"]


def test_records_that_json_cannot_hold_are_broken() -> None:
    """A caller's record is encoded, or is a Broken; whole numbers of any size are kept."""
    assert encoded({"n": 2**70}) == b'{"n": %d}' % 2**70
    assert isinstance(encoded({"n": {1, 2}}), Broken)
    assert isinstance(encoded(5), Broken)
