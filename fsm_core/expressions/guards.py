"""Guards of safe mode: operators and calls that hostile data could blow up, made to check their operands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

from fsm_core.expressions import bounds

MOST_BITS: Final = 4096
LONGEST_RANGE: Final = 100_000
_NUMBERS = (int, float)


def _bounded(value: Any) -> Any:
    if value.__class__ is int and value.bit_length() > MOST_BITS:
        raise OverflowError(f"integer result over {MOST_BITS} bits")
    return value


def _numbers(symbol: str, a: Any, b: Any) -> None:
    if not (isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS)):
        raise TypeError(f"{symbol} takes two numbers here, not {type(a).__name__} and {type(b).__name__}")


def multiply(a: Any, b: Any) -> Any:
    """`a * b` on numbers only."""
    if b.__class__ is float and (a.__class__ is float or a.__class__ is int):
        return a * b
    if a.__class__ is float and b.__class__ is int:
        return a * b
    _numbers("*", a, b)
    return _bounded(a * b)


def modulo(a: Any, b: Any) -> Any:
    """`a % b` on numbers only: on a text it would be formatting."""
    _numbers("%", a, b)
    return a % b


def add(a: Any, b: Any) -> Any:
    """`a + b` on two numbers, two texts or two lists."""
    if a.__class__ is float and b.__class__ is float:
        return a + b
    if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
        return _bounded(a + b)
    alike = (isinstance(a, str) and isinstance(b, str)) or (isinstance(a, list) and isinstance(b, list))
    if alike:
        most = bounds.MOST_TEXT if isinstance(a, str) else bounds.MOST_ITEMS
        if len(a) + len(b) > most:
            raise OverflowError(f"+ would give more than {most} items")
        return a + b
    raise TypeError(f"+ takes two numbers, texts or lists, not {type(a).__name__} and {type(b).__name__}")


def shift_left(a: Any, b: Any) -> Any:
    """`a << b` with a result of at most 4,096 bits."""
    if not (isinstance(a, int) and isinstance(b, int)):
        raise TypeError(f"<< takes two integers, not {type(a).__name__} and {type(b).__name__}")
    if a.bit_length() + b > MOST_BITS:
        raise OverflowError(f"integer result over {MOST_BITS} bits")
    return a << b


def power(a: Any, b: Any) -> Any:
    """`a ** b` on numbers, with an integer result of at most 4,096 bits."""
    _numbers("**", a, b)
    # An a of n bits gives at least (n - 1) * b bits: refused before it is computed, the exact bound after.
    if isinstance(a, int) and isinstance(b, int) and b > 0 and (a.bit_length() - 1) * b > MOST_BITS:
        raise OverflowError(f"integer result over {MOST_BITS} bits")
    return _bounded(a**b)


def short_range(*args: int) -> range:
    """`range(...)` of at most 100,000 numbers."""
    made = range(*args)
    try:
        fits = len(made) <= LONGEST_RANGE
    except OverflowError:
        fits = False
    if not fits:
        raise OverflowError(f"range over {LONGEST_RANGE} numbers")
    return made


class Ranges:
    """`range(...)` inside of a loop: all that one formula's loop makes are at most 100,000 numbers together."""

    def __init__(self) -> None:
        self.left = LONGEST_RANGE

    def __call__(self, *args: int) -> range:
        """The range, if that many numbers are left."""
        made = short_range(*args)
        self.left -= len(made)
        if self.left < 0:
            raise OverflowError(f"ranges over {LONGEST_RANGE} numbers in one loop")
        return made


def total(items: Iterable[Any], /, start: Any = 0) -> Any:
    """`sum(items)` of numbers; lists are what `flatten` is for."""
    if not isinstance(start, _NUMBERS):
        raise TypeError(f"sum() starts from a number here, not {type(start).__name__}")
    return _bounded(sum(items, start))


def integer(*args: Any, **named: Any) -> int:
    """`int(text, base)`: bases that are powers of two know no end by themselves."""
    return cast(int, _bounded(int(*args, **named)))


GUARDS: Final[dict[str, Any]] = {
    "_fsm_mul": multiply, "_fsm_mod": modulo, "_fsm_add": add, "_fsm_shl": shift_left, "_fsm_pow": power,
    "_fsm_range": short_range, "_fsm_meter": Ranges, "_fsm_sum": total, "_fsm_int": integer, "_fsm_str": bounds.string,
    "_fsm_repr": bounds.represented, "_fsm_ascii": bounds.in_ascii, "_fsm_text": bounds.formatted, "_fsm_join": bounds.join,
    "_fsm_replace": bounds.replace, "_fsm_loop": bounds.loop, "_fsm_inner": bounds.inner_loop, "_fsm_grow": bounds.grow,
}
