"""Helpers about numbers, privacy, JSON and lists."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from fsm_core.expressions.bounds import MOST_ITEMS, refuse_large
from fsm_core.expressions.functions import ABSENT, shown, text

_HALF_UP: Final = Context(prec=5000, rounding=ROUND_HALF_UP)
"""As many digits as a number of the language has, with a literal's 1,000 behind the point."""


def clip(x: Any, lo: Any, hi: Any) -> Any:
    """The number, at least `lo` and at most `hi`."""
    return max(lo, min(hi, x))


def round_half_up(x: float, digits: int) -> float:
    """The number rounded by its shown digits, halves away from zero."""
    return float(Decimal(str(x)).quantize(Decimal(1).scaleb(-digits), context=_HALF_UP))


def _bytes(x: Any) -> bytes:
    if isinstance(x, str) or (isinstance(x, int | float) and not isinstance(x, bool)):
        return text(x).encode()
    raise TypeError(f"needs text, not {type(x).__name__}")


def sha256(x: Any, salt: str = "") -> str:
    """Hex digest over the salt, then the text, in UTF-8."""
    return hashlib.sha256(_bytes(salt) + _bytes(x)).hexdigest()


def hmac_sha256(x: Any, key: str) -> str:
    """Hex HMAC of the text under the key, both in UTF-8."""
    return hmac.new(_bytes(key), _bytes(x), hashlib.sha256).hexdigest()


def truncate_ip(x: str, v4: int = 24, v6: int = 48) -> str:
    """The address of the network that the address is in."""
    if not isinstance(x, str):  # the library takes 1 for 0.0.0.1
        raise ValueError(f"not an address: {shown(x)}")
    address = ipaddress.ip_address(x)
    bits = v4 if address.version == 4 else v6
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)


def mask(x: Any, keep_last: int = 4) -> str:
    """`*` for each character before the last ones."""
    whole = _bytes(x).decode()
    hidden = max(0, len(whole) - max(0, keep_last))
    return "*" * hidden + whole[hidden:]


def _integer(digits: str) -> int | float:
    value = int(digits)
    return value if -(2**63) <= value < 2**64 else float(digits)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def from_json(x: Any, d: Any = ABSENT) -> Any:
    """The value of JSON text. `d` instead of the error."""
    try:
        if not isinstance(x, str):
            raise ValueError
        return json.loads(x, parse_constant=_refuse, parse_int=_integer)
    except (ValueError, OverflowError, RecursionError):
        if d is ABSENT:
            raise ValueError(f"not JSON: {shown(x)}") from None
        return d


def to_json(x: Any) -> str:
    """Compact JSON of a value, of at most 16 MiB."""
    refuse_large(x, "to_json()")
    return json.dumps(x, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def parse_query(x: str) -> dict[str, str]:
    """The fields of a URL's query; the last of a name wins."""
    if not isinstance(x, str):  # the library takes null for an empty query
        raise TypeError(f"needs text, not {type(x).__name__}")
    return dict(parse_qsl(x, keep_blank_values=True))


def flatten(list: list[Any]) -> list[Any]:
    """The items of the lists in a list, one level down; at most 2 Mi of them."""
    if sum(len(inner) for inner in list if isinstance(inner, tuple | type([]))) > MOST_ITEMS:
        raise OverflowError(f"flatten() would give more than {MOST_ITEMS} items")
    return [item for inner in list for item in (inner if isinstance(inner, tuple | type([])) else [inner])]


def group(list: list[Any], field: str) -> dict[str, list[Any]]:
    """From the text of a field to the items that have it, in order."""
    groups: dict[str, Any] = {}
    for item in list:
        groups.setdefault(text(item[field]), []).append(item)
    return groups


def unique(list: list[Any]) -> list[Any]:
    """The items without repeats by value; the first stays."""
    refuse_large(list, "unique()")
    seen: dict[str, Any] = {}
    for item in list:
        seen.setdefault(_identity(item), item)
    return [*seen.values()]


def _identity(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key!r}:{_identity(below)}" for key, below in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_identity, value)) + "]"
    return repr(int(value) if isinstance(value, float) and value.is_integer() else value)
