"""The codec seam: any codec reads the input and writes a route, compiled and interpreted alike; JSON's generated code does not know of it."""

from __future__ import annotations

from typing import Any

import pytest

from fsm_core import load
from fsm_core.engine.codec import JSON, TEXT, Codec, Malformed, Unencodable

DOCUMENT: dict[str, Any] = {
    "name": "m", "states": [{"name": "a", "is_start": True}, {"name": "plain", "is_end": True}, {"name": "loud", "is_end": True, "route": "loud"}],
    "arcs": [{"from": "a", "to": "loud", "condition": "data.line == 'x'"}, {"from": "a", "to": "plain", "else": True}]}


class Reversed:
    """A codec that nobody knows: the line backwards, no digits."""

    def decode(self, raw: bytes) -> dict[str, Any]:
        """Backwards."""
        if raw.isdigit():
            raise Malformed("digits")
        return {"line": raw.decode()[::-1]}

    def encode(self, record: dict[str, Any]) -> bytes:
        """And again."""
        if record["line"] == "no":
            raise Unencodable("no")
        return bytes(record["line"], "ascii")[::-1]


VALUES = [b"ab", b"x", b"12", b"on"]


def test_a_codec_of_the_input_and_of_a_route() -> None:
    """Read by one, written by the route's own or as JSON."""
    bound = load(DOCUMENT).bind(codec=Reversed(), codecs={"loud": TEXT})
    result = bound.run(VALUES)
    assert [(r[0], r[1], r[2]) for r in result.rows] == [(0, None, b'{"line":"ba"}'), (1, "loud", b"x"), (3, None, b'{"line":"no"}')]
    assert [(p, f.reason, f.message) for p, f in result.failures] == [(2, "malformed", "digits")]
    assert bound.source is not None and result == bound.run_interpreted(VALUES)


def test_what_a_codec_cannot_write_is_unencodable() -> None:
    """As JSON's own, compiled and interpreted."""
    bound = load(DOCUMENT).bind(codec=Reversed(), codecs={None: Reversed(), "loud": Reversed()})
    result = bound.run(VALUES)
    assert [r[2] for r in result.rows] == [b"ab", b"x"]
    assert [(p, f.reason) for p, f in result.failures] == [(2, "malformed"), (3, "unencodable")]
    assert result == bound.run_interpreted(VALUES)


def test_json_is_built_into_the_compiled_code() -> None:
    """Naming it changes not a letter."""
    machine = load(DOCUMENT)
    assert machine.source == machine.bind(codec=JSON, codecs={None: JSON, "loud": JSON}).source
    assert "_loads(_raw)" in (machine.source or "") and "_dumps(_d)" in (machine.source or "")


@pytest.mark.parametrize("codec, raw", [(JSON, b'{"line":"a"}'), (TEXT, "ä\x00".encode())])
def test_what_is_read_can_be_written(codec: Codec, raw: bytes) -> None:
    """Both ways give the same bytes."""
    assert codec.encode(codec.decode(raw)) == raw


@pytest.mark.parametrize("record", [{}, {"line": 1}, {"line": "a", "more": 1}, {"line": "\ud800"}])
def test_text_writes_only_lines(record: dict[str, Any]) -> None:
    """What is more than a line would be lost."""
    with pytest.raises(Unencodable):
        TEXT.encode(record)
