"""What is known of a value: its types, range, possible values, and of an object which fields it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Presence = Literal["always", "maybe", "some", "unknown", "undeclared", "never"]
"""maybe: some records have it; some: a path sets it, on another the input may have it; unknown: only the input could say,
and undeclared: its schema does not name it."""
ALL: Final = frozenset(["null", "boolean", "integer", "number", "string", "array", "object"])
NUMERIC: Final = frozenset(["boolean", "integer", "number"])
_DEEPEST = 5
_MOST_VALUES = 64


@dataclass(frozen=True, slots=True)
class Fact:
    """`values`: (type, value) of scalars, None for any. `closed`: an object has no fields but those of `fields`.

    `guessed`: null is possible only where a pattern does not match or the like; said as info.
    """

    types: frozenset[str] = ALL
    fields: Mapping[str, Field] = field(default_factory=dict)
    closed: bool = False
    low: float | None = None
    high: float | None = None
    values: frozenset[tuple[str, Any]] | None = None
    items: Fact | None = None
    guessed: bool = False
    described: bool = False

    @property
    def impossible(self) -> bool:
        """No value is left."""
        return not self.types or (self.values is not None and not self.values) or (
            self.low is not None and self.high is not None and self.low > self.high)

    @property
    def truth(self) -> bool | None:
        """Whether it is always true, always false, or neither."""
        if self.values is not None:
            found = {bool(value) for _, value in self.values}
            return found.pop() if len(found) == 1 else None
        return False if self.types == {"null"} else None

    def at(self, name: str) -> Field:
        """The field of that name."""
        return self.fields.get(name) or (Field(NOTHING, "never") if self.closed else Field(ANY, "undeclared" if self.described else "unknown"))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object."""

    fact: Fact
    presence: Presence = "always"


ANY: Final = Fact()
NOTHING: Final = Fact(frozenset())


def of(*types: str, **more: Any) -> Fact:
    """A fact of those types."""
    return Fact(frozenset(types), **more)


def constant(value: Any) -> Fact:
    """The fact of a JSON value."""
    if isinstance(value, Mapping):
        return of("object", fields={str(k): Field(constant(v)) for k, v in value.items()}, closed=True)
    if isinstance(value, list | tuple):
        items = [constant(v) for v in value]
        return of("array", items=join_all(items) if items else None)
    kind = kind_of(value)
    bound = value if kind in ("integer", "number") else None
    return of(kind, values=frozenset([(kind, value)]), low=bound, high=bound) if kind in ALL else ANY


def kind_of(value: Any) -> str:
    """JSON Schema's name of a value's type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", tuple: "array", dict: "object"}
    return "null" if value is None else names.get(type(value), "unknown")


def join(a: Fact, b: Fact, depth: int = 0) -> Fact:
    """What is known where either is."""
    if a is b or not b.types:
        return a
    if not a.types:
        return b
    if depth > _DEEPEST:
        return ANY
    values = None if a.values is None or b.values is None else a.values | b.values
    if values is not None and len(values) > _MOST_VALUES:
        values = None
    low = None if a.low is None or b.low is None else min(a.low, b.low)
    high = None if a.high is None or b.high is None else max(a.high, b.high)
    if not a.types & NUMERIC or not b.types & NUMERIC:
        numbers = a if a.types & NUMERIC else b
        low, high = numbers.low, numbers.high
    one, other = "object" in a.types, "object" in b.types
    fields, closed = _joined_fields(a, b, depth) if one and other else (a.fields, a.closed) if one else (b.fields, b.closed)
    items = a.items if "array" not in b.types else b.items if "array" not in a.types else (
        None if a.items is None or b.items is None else join(a.items, b.items, depth + 1))
    return Fact(a.types | b.types, fields, closed, low, high, values, items, a.guessed or b.guessed, a.described and b.described)


def _joined_fields(a: Fact, b: Fact, depth: int) -> tuple[dict[str, Field], bool]:
    if a.fields is b.fields:
        return dict(a.fields), a.closed and b.closed
    made = {}
    for name in [*a.fields, *(n for n in b.fields if n not in a.fields)]:
        x, y = a.at(name), b.at(name)
        if x.fact is ANY and name not in b.fields and not (b.closed or b.described) and x.presence in ("some", "unknown"):
            made[name] = x
            continue
        if x is y:  # as it is for most fields where two ways of one record meet
            made[name] = x
            continue
        fact = join(x.fact, y.fact, depth + 1)
        both = Field(ANY if fact == ANY else fact, _either(x.presence, y.presence))
        made[name] = x if both == x else both  # the same object, so that the next join sees at once that nothing is new
    return made, a.closed and b.closed


def _either(a: Presence, b: Presence) -> Presence:
    if a == b:
        return a
    pair = {"unknown" if p == "undeclared" else p for p in (a, b)}
    if "some" in pair or pair in ({"always", "unknown"}, {"maybe", "unknown"}):
        return "some"
    return "unknown" if "unknown" in pair else "maybe"


def join_all(facts: list[Fact]) -> Fact:
    """What is known where any of them is."""
    made = NOTHING
    for one in facts:
        made = join(made, one)
    return made


def widened(fact: Fact, depth: int = 0) -> Fact:
    """The fact without what could grow for ever on a cycle: ranges and values, and fields deep down."""
    if depth > _DEEPEST:
        return ANY
    fields = {n: Field(widened(f.fact, depth + 1), f.presence) for n, f in fact.fields.items()}
    return replace(fact, fields=fields, low=None, high=None, values=None, items=None)


def written(fact: Fact, path: tuple[str, ...], value: Field) -> Fact:
    """The object with a field at a path; what is on the way becomes an object."""
    name, rest = path[0], path[1:]
    if rest:
        inner = fact.at(name)
        below = inner.fact if "object" in inner.fact.types else of("object", closed=True)
        if inner.presence in ("maybe", "some"):
            below = join(below, of("object", closed=True))
        value = Field(written(replace(below, types=frozenset(["object"]), values=None), rest, value))
    return replace(fact, fields={**fact.fields, name: value})


def from_schema(schema: Any, depth: int = 0) -> Fact:
    """What a JSON Schema promises; what it says in ways not known here promises nothing."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST or schema.keys() & {"$ref", "anyOf", "oneOf", "allOf", "if", "not"}:
        return ANY
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(listed, list):
        return join_all([constant(v) for v in listed])
    named = schema.get("type", [])
    types = frozenset([named] if isinstance(named, str) else named) or ALL
    types |= {"integer"} if "number" in types else frozenset()
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    fields = {n: Field(from_schema(s, depth + 1), "always" if n in required else "maybe") for n, s in properties.items()}
    fields |= {n: Field(ANY) for n in required if n not in fields}
    items = from_schema(schema["items"], depth + 1) if isinstance(schema.get("items"), Mapping) else None
    return Fact(types & ALL, fields, schema.get("additionalProperties") is False, schema.get("minimum"), schema.get("maximum"), None, items,
                described=bool(properties) and "additionalProperties" not in schema)
