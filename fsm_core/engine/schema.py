"""The input schema: what a record must be before it may start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MOST = 5
"""The messages of one record; a wrong shape can break a schema in thousands of places."""


class Schema:
    """A compiled JSON Schema (draft 2020-12 unless `$schema` says another); None lets everything in, and then nothing has to be asked: `admits` is None."""

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._validator: Any = None
        self.admits: Callable[[dict[str, Any]], bool] | None = None
        if schema is not None:
            import jsonschema_rs  # here: most machines have no schema, and it costs milliseconds to import

            self._validator = jsonschema_rs.validator_for(dict(schema))
            self.admits = self._is_valid

    def _is_valid(self, record: dict[str, Any]) -> bool:
        """The library imports when it first sees a number, by the builtins of whoever calls it: generated code has no `__import__`."""
        return bool(self._validator.is_valid(record))

    def refusal(self, record: dict[str, Any]) -> str | None:
        """What is wrong with a record; None if nothing is."""
        if self.admits is None or self.admits(record):
            return None
        messages = []
        for error in self._validator.iter_errors(record):
            place = ".".join(map(str, error.instance_path))
            messages.append(f"{place}: {error.message}" if place else error.message)
            if len(messages) == MOST:
                break
        return "; ".join(messages)
