"""Slips in `input_schema`: JSON Schema passes over words that it does not know, and a check that is never made says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fsm_core.checks.spelling import one_slip
from fsm_core.definition import Finding
from fsm_core.document.composing import step
from fsm_core.document.reading import Document

_WORDS: Final = frozenset(
    "$schema $id $ref $defs definitions title description default examples deprecated type enum const properties required additionalProperties patternProperties propertyNames"
    " minProperties maxProperties items prefixItems contains minItems maxItems uniqueItems minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength"
    " pattern format anyOf oneOf allOf not if then else dependentRequired dependentSchemas".split())
_OF_SCHEMAS: Final = ("properties", "patternProperties", "$defs", "definitions")


def schema_findings(document: Document) -> Iterator[Finding]:
    """100 where a word is one slip from a known one, 301 where a required field is one slip from a described one."""
    schema = document.content.get("input_schema") if isinstance(document.content, dict) else None
    yield from _of(schema, "/input_schema", document)


def _of(schema: Any, pointer: str, document: Document) -> Iterator[Finding]:
    if not isinstance(schema, dict):
        return
    for word, value in schema.items():
        here = step(pointer, word)
        near = None if word in _WORDS else next((w for w in _WORDS if one_slip(str(word), w)), None)
        if near is not None:
            yield Finding(301, "warning", f"JSON Schema knows no `{word}` and passes over it", document.mark(here), f"did you mean `{near}`?")
        if word in _OF_SCHEMAS and isinstance(value, dict):
            for name, below in value.items():
                yield from _of(below, step(here, name), document)
        elif word in ("items", "additionalProperties", "not", "if", "then", "else", "contains"):
            yield from _of(value, here, document)
    described, required = schema.get("properties"), schema.get("required")
    if not isinstance(described, dict) or not isinstance(required, list):
        return
    for i, name in enumerate(required):
        near = None if name in described else next((n for n in described if one_slip(str(name), str(n))), None)
        if near is not None:
            yield Finding(301, "warning", f"'{name}' is required and not described", document.mark(step(step(pointer, "required"), i)), f"did you mean '{near}'?")
