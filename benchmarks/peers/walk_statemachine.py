"""The streaming page's machine in `python-statemachine`: one instance, which goes back to the start for each record."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import orjson

from benchmarks.peers.walking import Record

PACKAGE = "python-statemachine"
_library = import_module("statemachine")
_State: Any = _library.State
_StateMachine: Any = _library.StateMachine


class Walk(_StateMachine):  # type: ignore[misc]  # the library is not there when types are checked
    """The states and arcs of the page."""

    input = _State(initial=True)
    validate, enrich, categorize, output, error = _State(), _State(), _State(), _State(), _State()
    advance = (input.to(validate) | validate.to(enrich, cond="is_valid") | validate.to(error, unless="is_valid")
               | enrich.to(categorize) | categorize.to(output))
    again = output.to(input) | error.to(input)

    def on_enter_validate(self) -> None:
        """See the page."""
        self.model.check()

    def on_enter_enrich(self) -> None:
        """See the page."""
        self.model.enrich_data()

    def on_enter_categorize(self) -> None:
        """See the page."""
        self.model.rate()


_WALK: Any = Walk(model=Record())


def run(values: Sequence[bytes]) -> list[bytes]:
    """Send the event until an end is reached."""
    made, walk = [], _WALK
    for value in values:
        walk.model.data = orjson.loads(value)
        while not (walk.output.is_active or walk.error.is_active):
            walk.advance()
        if walk.output.is_active:
            made.append(orjson.dumps(walk.model.data))
        walk.again()
    return made
