"""The table of helpers: pure functions that formulas and inline code may call, by the names of the language."""

from __future__ import annotations

import inspect
from typing import Any, Final

from fsm_core.expressions import patterns, times, values
from fsm_core.expressions.functions import coalesce, read, text, to_int, to_number

FUNCTIONS: Final[dict[str, Any]] = {
    "text": text, "to_int": to_int, "to_number": to_number, "clip": values.clip, "round_half_up": values.round_half_up,
    "parse_time": times.parse_time, "iso": times.iso, "format_time": times.format_time, "floor_time": times.floor_time,
    "matches": patterns.matches, "find": patterns.find, "replace": patterns.replace, "sha256": values.sha256,
    "hmac_sha256": values.hmac_sha256, "truncate_ip": values.truncate_ip, "mask": values.mask, "from_json": values.from_json,
    "to_json": values.to_json, "parse_query": values.parse_query, "flatten": values.flatten, "group": values.group,
    "unique": values.unique,
}
LAZY: Final[dict[str, Any]] = {"_fsm_coalesce": coalesce, "_fsm_read": read}
LITERALS: Final = {
    "matches": ("pattern",), "find": ("pattern",), "replace": ("pattern", "by"), "parse_time": ("fmt",), "format_time": ("fmt",),
    "round_half_up": ("digits",),
}
"""The parameters of helpers that are literals in the code."""
SIGNATURES: Final = {name: inspect.signature(function) for name, function in FUNCTIONS.items()}
LAZY_WORDS: Final = {
    "coalesce(a, b, …)": "The first that is not null, else null; a path that leads nowhere counts as null, and what stands behind the first is not evaluated.",
    "has(path)": "Whether the path leads to something that is not null.",
    "case(c1, v1, c2, v2, …, default)": "The value behind the first condition that is true, else the default; only that one is evaluated.",
}
"""The helpers that are no functions, for readers: their arguments are evaluated when they are needed."""
