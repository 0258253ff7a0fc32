"""The scalar types of the worker file: durations, sizes, topics, strict booleans and anchored paths."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_DURATION = re.compile(rf"{_NUMBER}\s*(us|ms|s|m|h|d)?", re.ASCII)
_SIZE = re.compile(rf"{_NUMBER}\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.ASCII)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)


def parse_duration(value: object) -> float:
    """Seconds from `250ms`, `5s`, `2m`, or a number of seconds; never negative."""
    number = _quantity(value, _DURATION, _SECONDS, "s")
    if number is None:
        raise ValueError("not a duration: write 250ms, 5s or 2m")
    return float(number)


def parse_size(value: object) -> int:
    """Bytes from `64MiB`, `1kB`, or a whole number of bytes; never negative."""
    number = _quantity(value, _SIZE, _BYTES, "B")
    if number is None or number != int(number):
        raise ValueError("not a size: write 64MiB, 1kB or a number of bytes")
    return int(number)


def _quantity(value: object, pattern: re.Pattern[str], units: dict[str, Any], unit: str) -> float | None:
    if isinstance(value, str):
        found = pattern.fullmatch(value.strip())
        if not found:
            return None
        digits, factor = found[1], units[found[2] or unit]
        if digits.isdigit() and isinstance(factor, int):
            return int(digits) * factor
        number = float(digits) / round(1 / factor) if factor < 1 else float(digits) * factor
        return number if math.isfinite(number) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return value


def _true_or_false(value: object) -> object:
    if isinstance(value, bool) or value in ("true", "false"):
        return value == "true" or value is True
    raise ValueError("must be true or false")


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value) or value in (".", ".."):
        raise ValueError("not a topic name: 1 to 249 of letters, digits, dot, underscore and hyphen")
    return value


def absolute(path: str | os.PathLike[str]) -> Path:
    """The path without `..`, links kept: a mounted file that is swapped by a link must be found again on reload."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links


def _anchored(value: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return absolute(Path(base or ".", value.expanduser()))


def _joined(value: object) -> object:
    if isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value):
        return ",".join(value)
    return value


Duration = Annotated[float, BeforeValidator(parse_duration, json_schema_input_type=str | float)]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=str | int)]
PositiveSize = Annotated[Size, Field(gt=0)]
Bool = Annotated[bool, BeforeValidator(_true_or_false, json_schema_input_type=bool)]
Count = Annotated[int, BeforeValidator(_not_bool, json_schema_input_type=int), Field(ge=1)]
Number = Annotated[float, BeforeValidator(_not_bool, json_schema_input_type=float), Field(allow_inf_nan=False)]
Topic = Annotated[str, AfterValidator(_topic)]
Text = Annotated[str, Field(min_length=1)]
AnchoredPath = Annotated[Path, AfterValidator(_anchored)]
Servers = Annotated[Text, BeforeValidator(_joined, json_schema_input_type=str | list[str])]
