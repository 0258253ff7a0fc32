"""What several verbs take: `name=value` options, and `--function name=module:attribute`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, cast

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


def functions(values: Sequence[str] | None) -> dict[str, Callable[..., Any]]:
    """Functions of `--function`, imported; a target that is no `module:attribute` of a callable is a usage error."""
    return {name: _imported(target) for name, target in pairs(values, "--function").items()}


def _imported(target: str) -> Callable[..., Any]:
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise typer.BadParameter(f"{target!r} is not module:attribute", param_hint="--function")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # noqa: BLE001 - whatever an import raises, the option names something that is not there
        raise typer.BadParameter(f"cannot import {target}: {type(error).__name__}: {error}", param_hint="--function") from None
    if not callable(found):
        raise typer.BadParameter(f"{target} is no function", param_hint="--function")
    return cast(Callable[..., Any], found)
