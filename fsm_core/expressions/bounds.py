"""How much text or how many items one operation may make, and guards of what makes them: f-strings, str, sum, join, …

Values may share parts: forty lines of `[a, a]` are small until somebody writes them out. So whatever writes a value out
asks `refuse_large` first, which counts a part as often as it stands there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

MOST_TEXT: Final = 16 * 1024 * 1024
MOST_ITEMS: Final = MOST_TEXT // 8
"""A reference to an item takes eight bytes."""
_INNER: Final = 64
"""A loop inside of a loop may copy that part of what others may: it runs again and again."""
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
_COPIED: Final = (str, list, dict)
_SCALARS: Final = (str, int, float, bool, type(None))


def refuse_large(value: Any, what: str) -> None:
    """Raise OverflowError where the value, written out, is over 16 MiB; each value in it counts eight bytes besides its text."""
    size = len(value) if isinstance(value, str) else _size(value, {}) if isinstance(value, _CONTAINERS) else 0
    if size > MOST_TEXT:
        raise OverflowError(f"{what} would give more than {MOST_TEXT} characters")


def _size(value: Any, known: dict[int, int]) -> int:
    """What a container comes to when it is written out. Parts that are shared are looked at once."""
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = MOST_TEXT + 1  # as long as it is looked at: a value inside of itself has no end
    size, items = 16, value
    if isinstance(value, dict):
        size, items = size + sum(len(key) for key in value if key.__class__ is str), value.values()
    for item in items:
        if item.__class__ is str:
            size += 8 + len(item)
        else:
            size += _size(item, known) if isinstance(item, _CONTAINERS) else 8
    known[id(value)] = size
    return size


def string(object: Any = "") -> str:
    """`str(x)` of at most 16 MiB of text."""
    if object.__class__ not in _SCALARS:
        refuse_large(object, "str()")
    return str(object)


def represented(value: Any) -> str:
    """`f'{x!r}'`."""
    refuse_large(value, "!r")
    return repr(value)


def in_ascii(value: Any) -> str:
    """`f'{x!a}'`."""
    refuse_large(value, "!a")
    return ascii(value)


def formatted(*parts: Any) -> str:
    """An f-string, by its parts."""
    texts = [part if part.__class__ is str else string(part) for part in parts]
    if sum(map(len, texts)) > MOST_TEXT:
        raise OverflowError(f"an f-string would give more than {MOST_TEXT} characters")
    return "".join(texts)


def join(separator: Any, parts: Iterable[str]) -> str:
    """`separator.join(parts)` of at most 16 MiB of text."""
    if not isinstance(separator, str):
        raise AttributeError(f"'{type(separator).__name__}' has no method 'join'")
    items = list(parts)
    size = len(separator) * max(0, len(items) - 1) + sum(len(p) for p in items if isinstance(p, str))
    if size > MOST_TEXT:
        raise OverflowError(f"join would give more than {MOST_TEXT} characters")
    return separator.join(items)


def replace(text: Any, old: str, new: str, count: int = -1) -> str:
    """`text.replace(old, new)` of at most 16 MiB of text."""
    if not isinstance(text, str):
        raise AttributeError(f"'{type(text).__name__}' has no method 'replace'")
    if len(new) > len(old):
        found = text.count(old) if count < 0 else min(count, text.count(old))
        if len(text) + found * (len(new) - len(old)) > MOST_TEXT:
            raise OverflowError(f"replace would give more than {MOST_TEXT} characters")
    return text.replace(old, new, count)


def grow(method: str, value: Any, *args: Any, **named: Any) -> Any:
    """A method of inline code that makes a list, a dict or a set longer; at most 2 Mi items, so a loop over it ends."""
    if method in ("extend", "update") and args:
        args = (args[0] if isinstance(args[0], list | dict | set) else list(args[0]), *args[1:])
    more = len(args[0]) + len(named) if method in ("extend", "update") and args else 1
    if isinstance(value, list | dict | set) and len(value) + more > MOST_ITEMS:
        raise OverflowError(f".{method}() would give more than {MOST_ITEMS} items")
    return getattr(value, method)(*args, **named)


def loop(source: Any, *around: Any) -> Any:
    """The source of a loop whose items copy texts, lists or objects from outside of it: at most 16 MiB for all items together."""
    return _sized(source, around, MOST_TEXT)


def inner_loop(source: Any, *around: Any) -> Any:
    """The same inside of a loop: at most 256 KiB."""
    return _sized(source, around, MOST_TEXT // _INNER)


def _sized(source: Any, around: tuple[Any, ...], most: int) -> Any:
    size = 0
    for value in around:
        if isinstance(value, _COPIED):
            size += len(value)
    if size * MOST_ITEMS <= most:
        return source
    items = source if hasattr(source, "__len__") else list(source)
    if len(items) * size > most:
        raise OverflowError(f"a loop over {len(items)} items would copy more than {most} characters or items")
    return items
