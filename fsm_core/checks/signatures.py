"""What helpers, builtins and methods give, and what they take."""

from __future__ import annotations

from typing import Final

from fsm_core.checks.facts import ALL, NUMERIC, Fact, of

TEXT: Final = of("string")
NUMBER: Final = of("integer", "number")
BOOLEAN: Final = of("boolean")
LIST: Final = of("array")
RESULTS: Final[dict[str, Fact]] = {
    "text": TEXT, "to_int": of("integer", low=-(2**63), high=2**64 - 1), "to_number": NUMBER, "round_half_up": of("number"), "parse_time": of("integer", "number"),
    "iso": TEXT, "format_time": TEXT, "floor_time": NUMBER, "matches": BOOLEAN, "find": of("object", "null", guessed=True), "replace": TEXT, "sha256": TEXT,
    "hmac_sha256": TEXT, "truncate_ip": TEXT, "mask": TEXT, "to_json": TEXT, "parse_query": of("object"), "flatten": LIST, "group": of("object"),
    "unique": LIST, "str": TEXT, "len": of("integer", low=0), "int": of("integer"), "float": of("number"), "bool": BOOLEAN, "isinstance": BOOLEAN,
    "any": BOOLEAN, "all": BOOLEAN, "sum": NUMBER, "list": LIST, "sorted": LIST, "range": of("array", items=of("integer")), "dict": of("object"), "abs": NUMBER,
}
_TEXT, _NUMBER = frozenset(["string"]), NUMERIC - {"boolean"}
TAKES: Final[dict[str, tuple[frozenset[str], ...]]] = {
    "iso": (NUMERIC,), "format_time": (NUMERIC, _TEXT), "floor_time": (NUMERIC, NUMERIC), "matches": (_TEXT, _TEXT), "find": (_TEXT, _TEXT),
    "replace": (_TEXT, _TEXT, _TEXT), "round": (NUMERIC, frozenset(["integer", "null"])), "abs": (NUMERIC,), "round_half_up": (NUMERIC, NUMERIC),
    "to_int": (_TEXT | _NUMBER,), "to_number": (_TEXT | _NUMBER,), "parse_time": (_TEXT | _NUMBER,), "truncate_ip": (_TEXT,), "parse_query": (_TEXT,), "from_json": (_TEXT,),
    "len": (frozenset(["string", "array", "object"]),), "sum": (frozenset(["array", "object"]),), "clip": (NUMERIC, NUMERIC, NUMERIC), "mask": (_TEXT | _NUMBER,),
    "sha256": (_TEXT | _NUMBER,), "hmac_sha256": (_TEXT | _NUMBER, _TEXT), "flatten": (frozenset(["array"]),), "unique": (frozenset(["array"]),),
}
HAS_DEFAULT: Final = {"to_int": 1, "to_number": 1, "from_json": 1, "parse_time": 2}
CONVERTS: Final = frozenset(["to_int", "to_number", "parse_time", "floor_time", "format_time", "clip", "round_half_up", "mask", "truncate_ip", "from_json", "sha256", "hmac_sha256"])
"""Helpers that are about their first argument: of a constant they would be a constant."""
TEXT_METHODS: Final[dict[str, Fact]] = {
    **dict.fromkeys("capitalize casefold lower lstrip removeprefix removesuffix replace rstrip strip swapcase title upper join " "center ljust rjust zfill".split(), TEXT),
    **dict.fromkeys("endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle " "isupper startswith".split(), BOOLEAN),
    **{m: of("array", items=TEXT) for m in "partition rpartition rsplit split splitlines".split()}, **{m: of("integer") for m in ("find", "rfind", "rindex")},
}
OBJECT_METHODS: Final = {"items": LIST, "keys": LIST, "values": LIST}
ISINSTANCE: Final[dict[str, frozenset[str]]] = {
    "str": _TEXT, "bool": frozenset(["boolean"]), "int": frozenset(["boolean", "integer"]), "float": frozenset(["number"]), "list": frozenset(["array"]),
    "dict": frozenset(["object"]), "tuple": frozenset(), "set": frozenset(),
}
ADDABLE: Final = NUMERIC | {"string", "array"}
ANYTHING: Final = ALL
