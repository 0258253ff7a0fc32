"""Records that mean harm: values, keys, headers and timestamps made at random from a seed, around what a machine expects."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

MIB = 1 << 20
_RARE = 4000
"""One record in so many is a mebibyte long, or nested a hundred thousand deep."""


class Hostile(NamedTuple):
    """One record as a consumer gives it: `timestamp` in ms."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


FRAGMENTS = (
    "null", "true", "false", "0", "-0", "-0.0", "1", "-1", "2.5", "1e308", "-1e308", "1e309", "-1e309", "1e-400", "NaN", "Infinity", "-Infinity", "01", ".5", "+1", "0x10",
    "9007199254740993", "9223372036854775808", "18446744073709551616", "-9223372036854775809", "1" * 40, "-" + "9" * 400, "9" * 5000, "0." + "3" * 400, "1e" + "9" * 30,
    '""', '" "', '"\\u0000"', '"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '"\\ud83d"', '"NaN"', '"nan"', '"1e999"', '"-0"', '"٣"', '"１２"', '"1_000"', '" 5\\n"', '"0x10"',
    '"' + "9" * 5000 + '"', '"9999-12-31T23:59:59Z"', '"0000-00-00"', '"2026-02-30"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-12:00"', '"253402300800"',
    "253402300800", "-62135596801", "1e18", '"%s%n{0}{__class__}"', '"={1}"', '"../../etc/passwd"', '"\\u202e\\u0301"', '"İIıß"', '"\\t"', '"a\tb"', '"\\x41"', "'a'",
    '"a@b@c"', '"@"', '"::1"', '"999.999.999.999"', '"a=1&a=2&%ff=%"', '"DE"', '"F"', '"K"', "[]", "{}", "[[]]", "[null]", "[{}]", '{"":null}', '{"a":{"a":{"a":null}}}',
    '{"__class__":"x","__proto__":1}', '["x",1,null,true,{},[]]', "[" + "0," * 999 + "0]", '{"a":1,"a":2}', "[1e999]", '["\\ud800"]', "[" * 300 + "]" * 300,
    '{"a":' * 254 + "1" + "}" * 254, '{"a":' * 255 + "1" + "}" * 255, "[" * 1024 + "]" * 1024, '"' + "x" * 10_000 + '"', '"' + "ß" * 3000 + '"',
    '"' + " " * 3000 + '"', '"' + "1." * 1500 + '"', '"' + "a" * 3000 + '!"', '"' + '\\"' * 1500 + '"',
)
"""JSON texts, and what is nearly JSON, for the place of any value."""
_ODD_BYTES = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\xc0\x80", b'"', b"\\", b"{", b"]", b"\xe2\x80\xa8")
_NO_OBJECTS = (b"", b" ", b"0", b"null", b"true", b'"text"', b"[]", b"[{}]", b"{} {}", b"{}x", b"{", b"}", b"\x00", b"\xef\xbb\xbf{}", b"// {}", b"{'a':1}", b'{"a":1,}', b"{a:1}")
_HEADERS: tuple[tuple[tuple[str, bytes | None], ...], ...] = (
    (("trace", b"1"),), (("dup", b"1"), ("dup", b"2"), ("dup", None)), (("bin", b"\x00\xff\xfe"), ("null", None)), (("", b""),), (("ключ\x00", "ä".encode()),),
    (("fsm.redrives", b"2"), ("fsm.reason", b"old"), ("fsm.source.offset", b"x")), (("fsm.redrives", b"\xff"),), (("\\xff", b"x"),), (("x-source", b"\xff\xfe"),),
    tuple((f"h{i}", b"v") for i in range(100)), (("long", b"x" * 20_000),), (("x" * 2000, b""),),
)
_TIMES = (-1, 0, 1, -(1 << 62), (1 << 62), 253402300800000, 1 << 33)


class Attack:
    """An endless source of records around what good ones look like; the same seed gives the same records."""

    def __init__(self, seed: int, given: Sequence[Mapping[str, Any]], now_ms: int) -> None:
        self._rng, self._given, self._now = random.Random(seed), given or [{}], now_ms
        self._names = sorted({name for each in given for name in each}) or ["a"]
        self._kinds: list[Callable[[dict[str, Any]], bytes | None]] = []
        for weight, kind in ((10, self._good), (50, self._wrong_fields), (8, self._deep_field), (5, self._twice), (8, self._noise), (6, self._cut),
                             (8, self._flipped), (4, self._no_object), (3, self._encoded), (2, self._crowd), (1, self._tombstone)):
            self._kinds += [kind] * weight

    def record(self, offset: int) -> Hostile:
        """The next one."""
        rng = self._rng
        good = dict(rng.choice(self._given))
        value = self._rare(good) if rng.randrange(_RARE) == 0 else rng.choice(self._kinds)(good)
        headers = rng.choice(_HEADERS) if rng.random() < 0.2 else ()
        timestamp = rng.choice(_TIMES) if rng.random() < 0.1 else self._now - rng.randrange(1_000_000)
        return Hostile(offset, timestamp, self._key(), value, headers)

    def _key(self) -> bytes | None:
        rng = self._rng
        pick = rng.randrange(12)
        if pick == 0:
            return None
        if pick == 1:
            return rng.choice((b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"k" * 300, rng.randbytes(rng.randrange(40))))
        return b"k%d" % rng.randrange(300)

    def _good(self, good: dict[str, Any]) -> bytes:
        return json.dumps(good, ensure_ascii=self._rng.random() < 0.5).encode()

    def _text(self, fields: Mapping[str, str]) -> bytes:
        return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}").encode()

    def _wrong_fields(self, good: dict[str, Any]) -> bytes:
        rng, fields = self._rng, {name: json.dumps(value) for name, value in good.items()}
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            name = rng.choice(self._names)
            if rng.random() < 0.12:
                fields.pop(name, None)
            elif name in good and isinstance(good[name], str) and rng.random() < 0.25:
                fields[name] = json.dumps(self._bent(good[name]))
            else:
                fields[name] = rng.choice(FRAGMENTS)
        return self._text(fields)

    def _bent(self, text: str) -> str:
        """A text of the right form with something wrong in it, or far too much of it."""
        rng, at = self._rng, self._rng.randrange(len(text) + 1)
        return rng.choice((text[:at], text[:at] + rng.choice("0٣ \x00'\"%-é\u202e") + text[at + 1:], text[:at] + text[at:] * 50, text * 20, text.swapcase(), text[::-1]))

    def _deep_field(self, good: dict[str, Any]) -> bytes:
        """A wrong value somewhere inside, at a place of its own."""
        rng, here = self._rng, json.loads(json.dumps(good))
        root = here
        while True:
            inner = [k for k, v in (here.items() if isinstance(here, dict) else enumerate(here)) if isinstance(v, dict | list) and v]
            if not inner or rng.random() < 0.2:
                break
            here = here[rng.choice(inner)]
        places = list(here) if isinstance(here, dict) else list(range(len(here)))
        if places:
            here[rng.choice(places)] = "\x01here"
        return json.dumps(root).replace('"\\u0001here"', rng.choice(FRAGMENTS)).encode()

    def _twice(self, good: dict[str, Any]) -> bytes:
        name = self._rng.choice(self._names)
        return b'{%s:%s,%s' % (json.dumps(name).encode(), self._rng.choice(FRAGMENTS).encode(), self._good(good)[1:])

    def _noise(self, _good: dict[str, Any]) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1, 200))

    def _cut(self, good: dict[str, Any]) -> bytes:
        value = self._good(good)
        return value[:self._rng.randrange(len(value))]

    def _flipped(self, good: dict[str, Any]) -> bytes:
        value = bytearray(self._good(good))
        for _ in range(self._rng.choice((1, 1, 3))):
            at = self._rng.randrange(len(value) + 1)
            value[at:at + self._rng.randrange(2)] = self._rng.choice((*_ODD_BYTES, self._rng.randbytes(1)))
        return bytes(value)

    def _no_object(self, _good: dict[str, Any]) -> bytes:
        return self._rng.choice((*_NO_OBJECTS, self._rng.choice(FRAGMENTS).encode()))

    def _encoded(self, good: dict[str, Any]) -> bytes:
        text = json.dumps(good, ensure_ascii=False)
        return self._rng.choice((text.encode("utf-16"), text.encode("utf-32-le"), b"\xef\xbb\xbf" + text.encode(), text.encode("latin-1", "replace"), text.encode() + b"\n\n"))

    def _crowd(self, good: dict[str, Any]) -> bytes:
        return self._good({**good, **{f"f{i}": i for i in range(self._rng.choice((50, 1000)))}})

    def _tombstone(self, _good: dict[str, Any]) -> None:
        return None

    def _rare(self, good: dict[str, Any]) -> bytes:
        """Far too much of something, at a field of the machine's own."""
        rng, fields = self._rng, {name: json.dumps(value) for name, value in good.items()}
        piece = rng.choice(("x", "9", " ", "ß", "1.", '[\\"', "a@", "\\ud83d\\ude00"))
        long = '"' + piece * (MIB // len(piece)) + '"'
        fields[rng.choice(self._names)] = rng.choice((long, long, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000, "9" * 100_000, "[" + "0," * 200_000 + "0]"))
        return self._text(fields)
