"""What the environment and `--set` put in the place of keys of the file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsm_core.definition import Finding, Mark
from worker.config.document import Document, Path, pointer, read_document
from worker.config.errors import BAD_VALUE
from worker.config.keys import Kind, kind_of

PREFIX = "FSM_WORKER__"


@dataclass(frozen=True, slots=True)
class Override:
    """One key, its new value, and where that came from."""

    path: Path
    value: Any = field(repr=False)
    mark: Mark


def from_environment(env: Mapping[str, str]) -> tuple[list[Override], list[Finding]]:
    """`FSM_WORKER__KAFKA__GROUP_ID=x`: strings as they are, lists as JSON or with commas, the rest JSON."""
    found: list[Override] = []
    findings: list[Finding] = []
    for name in sorted(env):
        if not name.startswith(PREFIX):
            continue
        path: Path = tuple(name[len(PREFIX):].lower().split("__"))
        mark = Mark(pointer(path), name, 1, 1)
        if not all(path):
            findings.append(Finding(BAD_VALUE, "error", "not a setting", mark, f"write {PREFIX}KAFKA__GROUP_ID"))
            continue
        try:
            found.append(Override(path, _typed(env[name], kind_of(path)), mark))
        except ValueError:
            findings.append(Finding(BAD_VALUE, "error", f"{'.'.join(map(str, path))}: the value is not JSON", mark))
    return found, findings


def _typed(text: str, kind: Kind) -> Any:
    if kind == "list" and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind in ("list", "mapping"):
        return json.loads(text)
    if kind == "any":
        try:
            return json.loads(text)
        except ValueError:
            return text
    if kind == "text or mapping" and text.lstrip().startswith("{"):
        return json.loads(text)
    return text


def from_sets(sets: Sequence[str]) -> tuple[list[Override], list[Finding]]:
    """`a.b=YAML`."""
    found: list[Override] = []
    findings: list[Finding] = []
    for text in sets:
        name, sign, value = text.partition("=")
        path: Path = tuple(name.strip().split("."))
        mark = Mark(pointer(path), f"--set {name.strip()}", 1, 1)
        if not sign or not all(path):
            findings.append(Finding(BAD_VALUE, "error", "not a setting", mark, "write --set a.b=value"))
            continue
        doc = read_document(value, f"--set {name.strip()}")
        findings += doc.findings
        found.append(Override(path, doc.data, mark))
    return found, findings


def apply(doc: Document, overrides: Sequence[Override]) -> None:
    """Later overrides win; an override replaces all that was below its key."""
    for override in overrides:
        if not isinstance(doc.data, dict):
            doc.data = {}
        at = doc.data
        for n, part in enumerate(override.path[:-1], 1):
            below = at.get(str(part))
            if isinstance(below, str) and override.path[: n - 1] == ("output", "routes"):
                below = {"topic": below}
            child = dict(below) if isinstance(below, dict) else {}
            at[str(part)] = child
            at = child
            doc.keys.setdefault(override.path[:n], override.mark)
        at[str(override.path[-1])] = override.value
        for marks in (doc.keys, doc.values):
            for path in [p for p in marks if p[: len(override.path)] == override.path]:
                del marks[path]
            marks[override.path] = override.mark
