"""A source (dict, YAML file, JSON file) to a plain tree with marks, its default trust and its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsm_core.definition import Finding, Mark
from fsm_core.errors import DocumentError
from fsm_core.expressions.placing import Place

if TYPE_CHECKING:
    from fsm_core.document.spelling import Spelling

Source = Mapping[str, Any] | str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Document:
    """A machine as written. `findings` say what is wrong with the text itself."""

    content: Any
    trusted: bool
    file: str | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    spellings: Mapping[str, Spelling] = field(default_factory=dict)

    def mark(self, pointer: str) -> Mark:
        """The place of a pointer, or of what is nearest above it."""
        near = pointer
        while near and near not in self.marks:
            near = near.rpartition("/")[0]
        found = self.marks.get(near)
        return Mark(pointer, self.file, found.line, found.column) if found else Mark(pointer, self.file)

    def place(self, pointer: str, skip: int = 0) -> Place | None:
        """Where each character of a text stands, without the first `skip` of them; None where the document has no file."""
        spelling = self.spellings.get(pointer)
        if spelling is None:
            return None
        return lambda offset: Mark(pointer, self.file, *spelling.place(skip + offset))

    @property
    def digest(self) -> str:
        """sha256 (hex) of the content as compact JSON in document order; function objects by module:qualname."""
        text = json.dumps(self.content, ensure_ascii=False, separators=(",", ":"), default=_named)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if callable(value):
        return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', type(value).__qualname__)}"
    return f"{type(value).__module__}:{type(value).__qualname__}"


def load_document(source: Source, trusted: bool | None = None) -> Document:
    """Read a source. A dict is trusted and a file is not, unless `trusted` says otherwise.

    Raises DocumentError when there is no such file or it is no text.
    """
    if isinstance(source, Mapping):
        return Document(_plain(source), True if trusted is None else trusted)
    file = os.fspath(source)
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DocumentError([Finding(100, "error", f"cannot read the machine: {reason}", Mark("", file))]) from None
    return read_text(text, file, trusted=bool(trusted))


def read_text(text: str, file: str, *, trusted: bool = False) -> Document:
    """A document from text; a file name that ends in .json makes it JSON, anything else is YAML 1.2."""
    from fsm_core.document.composing import compose

    composed = compose(text, file)
    content, findings = composed.value, composed.findings
    if file.endswith(".json"):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            place = Mark("", file, getattr(error, "lineno", None), getattr(error, "colno", None))
            findings = [Finding(106, "error", f"not JSON: {getattr(error, 'msg', 'nested too deeply')}", place)]
        else:
            findings = [f for f in findings if f.code == 100]
    return Document(content, trusted, file, composed.marks, tuple(findings), composed.spellings)


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > 100:
        raise DocumentError([Finding(100, "error", "the document is nested too deeply, or contains itself")])
    if isinstance(value, Mapping):
        return {k: _plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, depth + 1) for v in value]
    return value
