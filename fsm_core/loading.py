"""A source to a machine that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsm_core.document.reading import Source
    from fsm_core.engine.machine import Machine


def load(
    source: Source,
    trusted: bool | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Machine:
    """The machine of a dict, a YAML or a JSON file; raises DocumentError with every finding.

    A dict is trusted and a file is not, unless `trusted` says otherwise. `functions` are what `ref` names;
    `params` override the document's defaults.
    """
    from fsm_core.document import load_document, parse
    from fsm_core.engine.machine import Machine

    return Machine(parse(load_document(source, trusted), functions, params))
