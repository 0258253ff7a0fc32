"""From a worker file, `--set` and the environment to a checked WorkerConfig, or to all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fsm_core.definition import Definition, Finding, Mark
from worker.config.document import Document, Path, pointer, read_document
from worker.config.errors import BAD_VALUE, BAD_YAML, MISSING, UNKNOWN_KEY, ConfigError
from worker.config.expand import expand
from worker.config.keys import names_at
from worker.config.models import WorkerConfig
from worker.config.overrides import apply, from_environment, from_sets
from worker.config.rules import file_findings, machine_findings
from worker.config.units import absolute as absolute_path

_STAND_IN = {("machine",): "-", ("input",): {"topics": ["-"]}, ("input", "topics"): ["-"],
             ("dead_letter",): {"topic": "_"}, ("dead_letter", "topic"): "_"}

_PLAIN = {"model_type": ("must be a mapping", "leave the key out for its defaults"),
          "dict_type": ("must be a mapping", "leave the key out for its defaults"),
          "tuple_type": ("must be a list", "write [a, b]"),
          "string_type": ("must be text", "quote it"),
          "too_short": ("must not be empty", "")}


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration without errors, its warnings, and the absolute file that it came from."""

    config: WorkerConfig
    findings: tuple[Finding, ...]
    path: FilePath
    document: Document = field(repr=False)

    def check_machine(self, definition: Definition) -> list[Finding]:
        """Errors and warnings of the worker file together with its machine, with their places."""
        return machine_findings(self.config, definition, self.document.mark)

    def placed(self, finding: Finding) -> Finding:
        """A finding about an inline machine (its pointer is relative to the machine), at its place in this file."""
        path: Path = ("machine",)
        for part in finding.mark.pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            number = (*path, int(name)) if name.isdecimal() else path
            path = number if number in self.document.values and number != path else (*path, name)
        return replace(finding, mark=self.document.mark(path))


def load_config(path: str | os.PathLike[str], sets: Sequence[str] = (),
                env: Mapping[str, str] | None = None) -> LoadedConfig:
    """Precedence: `sets`, then `env` (the process's if None), then the file, then defaults; raises ConfigError."""
    env = os.environ if env is None else env
    doc = _read(path)
    findings = list(doc.findings)
    if findings:
        raise ConfigError(findings)
    from_env, env_problems = from_environment(env)
    given, set_problems = from_sets(sets)
    findings += env_problems + set_problems
    findings += expand(doc, env, {o.path for o in (*from_env, *given)})
    apply(doc, [*from_env, *given])
    file = absolute_path(path)
    config, problems = _validate(doc, file.parent)
    bad = {f.mark.pointer for f in findings}
    findings += [f for f in problems if f.mark.pointer not in bad]
    findings.sort(key=lambda f: (f.mark.file != doc.file, f.mark.file or "", f.mark.line or 0, f.mark.column or 0))
    if any(f.severity == "error" for f in findings) or config is None:
        raise ConfigError(findings)
    return LoadedConfig(config, tuple(findings), file, doc)


def _read(path: str | os.PathLike[str]) -> Document:
    file = os.fspath(path)
    try:
        doc = read_document(FilePath(path).read_text(encoding="utf-8-sig"), file)
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not UTF-8"
        return Document(file, findings=[Finding(BAD_YAML, "error", f"cannot be read: {reason}", Mark("", file, 1, 1))])
    if doc.data is None:
        doc.data = {}
    if not isinstance(doc.data, dict):
        doc.findings.append(Finding(BAD_YAML, "error", "a worker file is a mapping of keys", doc.mark(())))
    return doc


def _validate(doc: Document, base: FilePath) -> tuple[WorkerConfig | None, list[Finding]]:
    """The second try leaves out what was wrong, so that the rules over several keys report in the same go."""
    context = {"base": base}
    try:
        config = WorkerConfig.model_validate(doc.data, context=context)
        return config, file_findings(config, doc.mark)
    except ValidationError as e:
        errors = e.errors(include_url=False, include_input=False)
    paths = [_real(doc.data, e["loc"], e["type"]) for e in errors]
    cut = [p[:-1] if e["type"] == "missing" and p not in _STAND_IN else p for p, e in zip(paths, errors, strict=True)]
    findings = _unique(_finding(doc, p, e) for p, e in zip(paths, errors, strict=True))
    try:
        rest = WorkerConfig.model_validate(_without(doc.data, cut), context=context)
    except ValidationError:
        return None, findings
    bad = [pointer(p) for p in paths]
    return None, findings + [f for f in file_findings(rest, doc.mark) if not _touches(f.mark.pointer, bad)]


def _unique(findings: Any) -> list[Finding]:
    return list({f.mark.pointer: f for f in reversed(list(findings))}.values())[::-1]


def _touches(at: str, bad: list[str]) -> bool:
    return any(at == b or at.startswith(b + "/") or b.startswith(at + "/") for b in bad)


def _real(data: Any, loc: tuple[str | int, ...], kind: str) -> Path:
    """pydantic's location without the names of union members; a missing key keeps its own name."""
    path: Path = ()
    for part in loc:
        inside = part in data if isinstance(data, Mapping) else isinstance(data, list) and part in range(len(data))
        if not inside:
            return (*path, part) if kind == "missing" else path
        data = data[part]
        path = (*path, part)
    return path


def _finding(doc: Document, path: Path, error: ErrorDetails) -> Finding:
    name = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(path[-1]), names_at(path[:-1]), 1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(names_at(path[:-1]))}"
        return Finding(UNKNOWN_KEY, "error", f"unknown key {name}", doc.key_mark(path), hint)
    if error["type"] == "missing":
        return Finding(MISSING, "error", f"{name} is missing", doc.mark(path), "it is required")
    message, hint = _PLAIN.get(error["type"], (error["msg"].removeprefix("Value error, ").removeprefix("Input "), ""))
    return Finding(BAD_VALUE, "error", f"{name}: {message[:1].lower()}{message[1:]}", doc.mark(path), hint)


def _without(data: Any, paths: list[Path]) -> Any:
    def copy(value: Any, path: Path) -> Any:
        if isinstance(value, Mapping):
            return {k: copy(v, (*path, k)) for k, v in value.items() if (*path, k) not in paths}
        if isinstance(value, list):
            return [copy(v, (*path, i)) for i, v in enumerate(value) if (*path, i) not in paths]
        return value

    out = copy(data, ())
    for path, value in _STAND_IN.items():
        at = out
        for part in path[:-1]:
            at = at[part]
        if not at.get(path[-1]):
            at[path[-1]] = value
    return out
