"""What several verbs take: `name=value` options, and `--function name=module:attribute`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer


def pairs(values: Sequence[str] | None, option: str) -> dict[str, str]:
    """`["a=1"]` → `{"a": "1"}`; anything without a name and `=` is a usage error (exit 2)."""
    found: dict[str, str] = {}
    for value in values or ():
        name, equals, text = value.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{value!r} is not name=value", param_hint=option)
        found[name] = text
    return found


def params(values: Sequence[str] | None) -> dict[str, Any]:
    """Values of `--param`, as text: the machine reads them as the type of its own default."""
    return dict(pairs(values, "--param"))


def functions(values: Sequence[str] | None) -> dict[str, str]:
    """Functions of `--function`; a target without `module:attribute` is a usage error."""
    found = pairs(values, "--function")
    for target in found.values():
        module, colon, attribute = target.partition(":")
        if not (module and colon and attribute):
            raise typer.BadParameter(f"{target!r} is not module:attribute", param_hint="--function")
    return found
