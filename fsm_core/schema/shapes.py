"""The few shapes that the schema is put together from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
LATER: Schema = {"description": "Not supported yet: `check` says so (190)."}
"""A key that documents in the field have, and that means nothing here."""


def text(about: str, *choices: str) -> Schema:
    """A text, or one of a few."""
    return {"type": "string", "description": about, **({"enum": list(choices)} if choices else {})}


def flag(about: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": about}


def ref(name: str, about: str) -> Schema:
    """A shape of `$defs`, with words of its own."""
    return {"description": about, "$ref": f"#/$defs/{name}"}


def many(items: Schema, about: str) -> Schema:
    """A list."""
    return {"type": "array", "items": items, "description": about}


def author_map(values: Schema, about: str) -> Schema:
    """An object whose keys are the author's own names."""
    return {"type": "object", "additionalProperties": values, "description": about}


def record(keys: Mapping[str, Schema], about: str, required: tuple[str, ...] = ()) -> Schema:
    """An object with the language's own keys: no others but `x-…`."""
    made: Schema = {"type": "object", "description": about, "properties": dict(keys), "patternProperties": {"^x-": {}}, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made
