"""The closed lists of names that logic may use: builtins, methods, helpers and what `state` shows."""

from __future__ import annotations

import keyword
import unicodedata
from typing import Final

BUILTINS: Final = frozenset(
    ["abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip"]
)
MUTATORS: Final = frozenset(["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"])
PADDERS: Final = frozenset(["center", "ljust", "rjust", "zfill"])
METHODS: Final = MUTATORS | PADDERS | frozenset(
    ["capitalize", "casefold", "copy", "count", "endswith", "find", "get", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "items", "join", "keys", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "values"]
)
LAZY_HELPERS: Final = frozenset("coalesce has case".split())
HELPERS: Final = LAZY_HELPERS | frozenset(
    "text to_int to_number clip round_half_up parse_time iso format_time floor_time matches find replace sha256 hmac_sha256"
    " truncate_ip mask from_json to_json parse_query flatten group unique".split()
)
STATE_NAMES: Final = frozenset(["data", "meta", "now", "error", "message", "context"])
META_NAMES: Final = frozenset(["topic", "partition", "offset", "key", "timestamp", "headers"])
ERROR_NAMES: Final = frozenset(["type", "message", "state", "function", "reason"])
FORMULA_NAMES: Final = frozenset({"data", "state", "params"})


def is_name(text: str) -> bool:
    """What a document may give a name to: an identifier as Python itself would spell it, and none of Python's words."""
    return text.isidentifier() and unicodedata.normalize("NFKC", text) == text and not keyword.iskeyword(text)


def is_dunder(name: str) -> bool:
    """Two underscores at both ends, or a guard's own prefix: never a document's to use."""
    return name.startswith("_fsm_") or (len(name) > 4 and name.startswith("__") and name.endswith("__"))
