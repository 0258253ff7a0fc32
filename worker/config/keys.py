"""What the models say about a key: its kind of value, and which names stand beside it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from worker.config.document import Path
from worker.config.models import WorkerConfig

Kind = Literal["text", "list", "mapping", "text or mapping", "any"]


def _parts(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _parts(one)
    elif hasattr(annotation, "__metadata__"):
        yield from _parts(annotation.__origin__)
    else:
        yield annotation


def _field(path: Path) -> Any:
    """The annotation at a path; None where the models have no such key."""
    at: Any = WorkerConfig
    for part in path:
        at = next((a for a in (_below(one, part) for one in _parts(at)) if a is not None), None)
        if at is None:
            return None
    return at


def _below(annotation: Any, part: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field: FieldInfo | None = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    if annotation is Any:
        return Any
    args = get_args(annotation)
    return args[1] if get_origin(annotation) is dict and len(args) == 2 else None


def names_at(path: Path) -> tuple[str, ...]:
    """The keys that the section at a path may have."""
    for one in _parts(_field(path)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return tuple(one.model_fields)
    return ()


def kind_of(path: Path) -> Kind:
    """How a text of the environment is to be read for this key; unknown keys are text."""
    if path[:-1] == ("output", "routes") or path == ("machine",):
        return "text or mapping"
    parts = list(_parts(_field(path)))
    if Any in parts:
        return "any"
    if any(get_origin(p) is tuple for p in parts):
        return "list"
    if any(get_origin(p) is dict or (isinstance(p, type) and issubclass(p, BaseModel)) for p in parts):
        return "mapping"
    return "text"
