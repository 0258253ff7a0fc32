"""YAML text to plain values, with the place of each value: no tags, no duplicate keys, no alias bombs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fsm_core.definition import Finding, Mark
from fsm_core.document.spelling import Spelling

_TEXT = "tag:yaml.org,2002:str"
MOST_NODES = 200_000
_PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq"))

_HINTS = (
    ("expected ',' or", "in { } and [ ] a value with a comma, a quote or a bracket stands in quotes as a whole; or the line above is not closed"),
    ("mapping values are not allowed", "a value with a colon and a blank stands in quotes; or this line is indented too far"),
    ("\\t", "indent with blanks, not with tabs"), ("block end", "this line begins where none above it does: mind the indentation"),
    ("end of stream", "a quote is never closed"), ("quoted scalar", "a quote is never closed"), ("could not find expected ':'", "a key is followed by a colon and a blank"),
    ("found character", "a value that begins with a sign stands in quotes"), ("undefined alias", "a value that begins with * stands in quotes"),
)


@dataclass(frozen=True, slots=True)
class Composed:
    """The value, what is wrong with the text itself, and for each JSON pointer the mark and how a text is written."""

    value: Any
    findings: list[Finding]
    marks: dict[str, Mark] = field(default_factory=dict)
    spellings: dict[str, Spelling] = field(default_factory=dict)


def compose(text: str, file: str) -> Composed:
    """What the text says, and where."""
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        reader = _Reader(file, yaml, text)
        value = reader.read(node, "") if node is not None else None
    except MarkedYAMLError as error:
        return Composed(None, [Finding(106, "error", error.problem or "not YAML", _mark("", file, error.problem_mark), _hint(error.problem or ""))])
    except (YAMLError, ValueError, RecursionError) as error:
        return Composed(None, [Finding(106, "error", f"not YAML: {error}" if str(error) else "nested too deeply", Mark("", file))])
    return Composed(value, reader.findings, reader.marks, reader.spellings)


def _mark(pointer: str, file: str, place: Any) -> Mark:
    return Mark(pointer, file, place.line + 1, place.column + 1) if place is not None else Mark(pointer, file)


def step(pointer: str, key: Any) -> str:
    """The JSON pointer one level down."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


class _Reader:
    def __init__(self, file: str, yaml: YAML, text: str) -> None:
        self.file, self.text = file, text
        self.spellings: dict[str, Spelling] = {}
        self.scalar = yaml.constructor.construct_object
        self.marks: dict[str, Mark] = {}
        self.findings: list[Finding] = []
        self.left = MOST_NODES

    def read(self, node: Node, pointer: str) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"more than {MOST_NODES} values")
        self.marks[pointer] = _mark(pointer, self.file, node.start_mark)
        if str(node.tag) not in _PLAIN:
            self.say(117, f"{str(node.tag).rpartition(':')[2]} is not JSON: quote it", pointer)
            return str(node.value) if isinstance(node, ScalarNode) else None
        if isinstance(node, MappingNode):
            return self._mapping(node, pointer)
        if isinstance(node, SequenceNode):
            return [self.read(item, step(pointer, i)) for i, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and str(node.tag) == _TEXT:
            self.spellings[pointer] = Spelling.of(node, self.text)
        return self.scalar(node)

    def _mapping(self, node: MappingNode, pointer: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            below = step(pointer, key if isinstance(key, str) else "?")
            value = self.read(value_node, below)
            self.marks[below] = _mark(below, self.file, key_node.start_mark)
            if str(key_node.tag) != _TEXT:
                comma = f" (was a decimal comma meant? write a point: 0.{key})" if isinstance(key, str) and key.isdigit() and not value_node.value else ""
                self.say(117, f"the key {key!r} is no text: quote it{comma}", below)
            elif key in made:
                self.say(100, f"the key '{key}' is there twice", below)
            made[str(key)] = value
        return made

    def say(self, code: int, message: str, pointer: str) -> None:
        self.findings.append(Finding(code, "error", message, self.marks[pointer]))


def _hint(problem: str) -> str:
    """What to do about YAML that cannot be read, for who does not know its words."""
    return next((hint for part, hint in _HINTS if part in problem), "")
