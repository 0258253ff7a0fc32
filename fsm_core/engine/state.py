"""What inline code and formulas see of a record on its way: `state`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsm_core.engine.batch import Meta

MetaSource = Callable[[], Meta]


class Fields(dict[str, Any]):
    """A dict whose names are attributes too: `state.error.message` and `state.error['message']` alike."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


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
            self._meta = Fields(self._source()._asdict())
        return self._meta

    def child(self, data: dict[str, Any]) -> State:
        """Where a child of a fan-out starts."""
        child = State(data, self._source, self.now)
        child._meta = self._meta
        child.context, child.error, child.message, child.lets = dict(self.context), self.error, self.message, self.lets
        return child
