"""A YAML 1.2 text as plain data with the place of every key and value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fsm_core.definition import Finding, Mark
from worker.config.errors import BAD_YAML

Path = tuple[str | int, ...]
_MERGE = "tag:yaml.org,2002:merge"
_AS_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")


def pointer(path: Path) -> str:
    """The JSON pointer of a path."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path)


@dataclass(slots=True)
class Document:
    """The data, where its keys and values stand, and what was wrong with the text."""

    file: str
    data: Any = field(default=None, repr=False)
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def mark(self, path: Path) -> Mark:
        """Where a value stands; a value that is not there stands where its nearest parent's key does."""
        if path in self.values:
            return self.values[path]
        for n in range(len(path), 0, -1):
            if path[:n] in self.keys:
                return replace(self.keys[path[:n]], pointer=pointer(path))
        return Mark(pointer(path), self.file, 1, 1)

    def key_mark(self, path: Path) -> Mark:
        """Where a key stands."""
        return self.keys.get(path) or self.mark(path)


def read_document(text: str, file: str) -> Document:
    """Never raises: syntax errors and duplicate keys are findings."""
    doc = Document(file)
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is not None:
            doc.data = _Walk(doc, yaml).value(node, (), ())
    except MarkedYAMLError as e:
        at = e.problem_mark or e.context_mark
        mark = Mark("", file, at.line + 1, at.column + 1) if at else Mark("", file, 1, 1)
        doc.findings.append(Finding(BAD_YAML, "error", f"not YAML: {e.problem or e.context}", mark))
    except (YAMLError, ValueError, RecursionError) as e:
        doc.findings.append(Finding(BAD_YAML, "error", f"not YAML: {type(e).__name__}", Mark("", file, 1, 1)))
    return doc


class _Walk:
    def __init__(self, doc: Document, yaml: YAML) -> None:
        self.doc, self.yaml = doc, yaml

    def value(self, node: Node, path: Path, above: tuple[int, ...]) -> Any:
        self.doc.values[path] = self.place(node, path)
        if id(node) in above:
            self.problem("an alias of what it is part of", node, path)
            return None
        above = (*above, id(node))
        if isinstance(node, MappingNode):
            return self.mapping(node, path, above)
        if isinstance(node, SequenceNode):
            return [self.value(n, (*path, i), above) for i, n in enumerate(node.value)]
        return self.scalar(node, path)

    def scalar(self, node: Node, path: Path) -> Any:
        if node.tag in _AS_TEXT:
            return node.value
        try:
            value = self.yaml.constructor.construct_object(node)
        except (ValueError, LookupError, TypeError, ArithmeticError):  # what ruamel's constructors let through
            value = ...
        if value is not None and not isinstance(value, str | int | float):
            self.problem("not a text, a number, true, false or null", node, path)
        return value

    def mapping(self, node: MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                found = self.value(value, path, above)
                self.doc.values[path] = self.place(node, path)
                for one in found if isinstance(found, list) else [found]:
                    merged = {**(one if isinstance(one, Mapping) else {}), **merged}
                continue
            if not isinstance(key, ScalarNode):
                self.problem("a key must be text", key, path)
                continue
            here = (*path, key.value)
            if key.value in out:
                self.problem(f"key {key.value!r} is there twice", key, here)
            self.doc.keys[here] = self.place(key, here)
            out[key.value] = self.value(value, here, above)
        return {**merged, **out}

    def place(self, node: Node, path: Path) -> Mark:
        at = node.start_mark
        return Mark(pointer(path), self.doc.file, at.line + 1, at.column + 1)

    def problem(self, message: str, node: Node, path: Path) -> None:
        self.doc.findings.append(Finding(BAD_YAML, "error", message, self.place(node, path)))
