"""What inline code and formulas see of a record on its way: `state`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from fsm_core.engine.batch import Meta

MetaSource = Callable[[], Meta]


class Fields(dict[str, Any]):
    """A dict whose names are attributes too, and that nobody changes: `state.error.message` and `state.error['message']` alike.

    It may be shared, between children and with the record; a copy is a plain dict.
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("state.meta and state.error are read-only")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def meta_fields(meta: Meta) -> Fields:
    """`state.meta`."""
    return Fields(meta._asdict() | {"headers": Fields(meta.headers)})


def no_meta() -> Meta:
    """The meta of a record that comes from nowhere."""
    return Meta()


class State:
    """One record on its way. `meta` is built only when it is read; `lets` are the names of the state that it is in."""

    __slots__ = ("_meta", "_source", "context", "data", "error", "lets", "message", "now")

    def __init__(self, data: dict[str, Any], source: MetaSource = no_meta, now: float = 0.0) -> None:
        self.data = data
        self.context: dict[str, Any] = {}
        self.error: Fields | None = None
        self.message: str | None = None
        self.lets: dict[str, Any] = {}
        self.now = now
        self._source = source
        self._meta: Fields | None = None

    @property
    def meta(self) -> Fields:
        """Where the record comes from: topic, partition, offset, key, timestamp, headers."""
        if self._meta is None:
            self._meta = meta_fields(self._source())
        return self._meta

    def child(self, data: dict[str, Any]) -> State:
        """Where a child of a fan-out starts."""
        child = State(data, self._source, self.now)
        child._meta = self._meta
        child.context, child.error, child.message, child.lets = dict(self.context), self.error, self.message, self.lets
        return child
