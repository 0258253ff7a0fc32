"""What several verbs take: `name=value` options, and `--function name=module:attribute`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import typer

from worker.importing import import_from, search_last


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


def trusted(trust: bool) -> bool:
    """The value of `--trust`; what it trusts may name modules itself, so the current directory is searched, last."""
    if trust:
        search_last(Path.cwd())
    return trust


def functions(values: Sequence[str] | None) -> dict[str, Callable[..., Any]]:
    """Functions of `--function`, imported, the current directory searched last; one that cannot be is a usage error."""
    return {name: _imported(target) for name, target in pairs(values, "--function").items()}


def moment(text: str | None) -> float | None:
    """What `--now` says, in seconds since 1970; a usage error where it is no time."""
    from fsm_core.expressions.times import parse_time

    if text is None:
        return None
    try:
        return float(text) if text.replace(".", "", 1).isdecimal() else float(parse_time(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a time such as 2026-01-31T12:00:00Z nor seconds since 1970", param_hint="--now") from None


def answers(values: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """What `--call` says that functions answer, as in a machine's tests: `{return: …}` or `{raise: TimeoutError}`, in YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    found: dict[str, dict[str, Any]] = {}
    for name, text in pairs(values, "--call").items():
        try:
            answer = YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            answer = None
        if not isinstance(answer, dict) or len(answer) != 1 or not answer.keys() <= {"return", "raise"}:
            raise typer.BadParameter(f"{text!r} is not {{return: …}} or {{raise: TimeoutError}}", param_hint="--call")
        found[name] = answer
    return found


def _imported(target: str) -> Callable[..., Any]:
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise typer.BadParameter(f"{target!r} is not module:attribute", param_hint="--function")
    try:
        found = import_from(Path.cwd(), target)
    except Exception as error:  # noqa: BLE001 - whatever an import raises, the option names something that is not there
        raise typer.BadParameter(f"cannot import {target}: {type(error).__name__}: {error}", param_hint="--function") from None
    if not callable(found):
        raise typer.BadParameter(f"{target} is no function", param_hint="--function")
    return cast(Callable[..., Any], found)
