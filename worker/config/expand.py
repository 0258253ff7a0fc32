"""`${NAME}` and `${NAME:-default}` in the string values of the worker file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from fsm_core.definition import Finding
from worker.config.document import Document, Path
from worker.config.errors import UNDEFINED_VARIABLE

_PLACE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def expand(doc: Document, env: Mapping[str, str], overridden: Collection[Path]) -> list[Finding]:
    """Expands `doc.data` in place of itself; an inline machine and what is overridden anyway stay as they are."""
    findings: list[Finding] = []

    def walk(value: Any, path: Path) -> Any:
        if path in overridden or (path == ("machine",) and isinstance(value, Mapping)):
            return value
        if isinstance(value, Mapping):
            return {k: walk(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v, (*path, i)) for i, v in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _expand(value, path)
        return value

    def _expand(text: str, path: Path) -> str:
        def one(found: re.Match[str]) -> str:
            name, default = found[1], found[2]
            if found[0] == "$${":
                return "${"
            if name is None:
                message, hint = "not a variable after ${", "write ${NAME}, ${NAME:-default}, or $${ for a literal ${"
            elif default is not None:
                return env.get(name) or default
            elif name in env:
                return env[name]
            else:
                message, hint = f"environment variable {name} is not defined", f"set it, or write ${{{name}:-default}}"
            findings.append(Finding(UNDEFINED_VARIABLE, "error", message, doc.mark(path), hint))
            return found[0]

        return _PLACE.sub(one, text)

    doc.data = walk(doc.data, ())
    return findings
