"""Writes reference.md and worker.md, from the code and from the conformance cases: `make reference`; a test holds the files to it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from fsm_core.checks.codes import CODES
from fsm_core.engine.batch import REASONS
from fsm_core.expressions import names
from fsm_core.expressions.library import FUNCTIONS, LAZY_WORDS, SIGNATURES
from fsm_core.schema import machine_schema
from fsm_core.schema.shapes import LATER
from worker.config.errors import CODE_WORDS
from worker.config.schema import worker_schema

HERE = Path(__file__).parent
CASES = Path(__file__).parents[1] / "tests" / "conformance" / "cases"
HEAD = """# Reference of the machine language
Written by `make reference` from the code and its conformance cases: change those, not this file. How to write a machine, with examples:
[language.md](language.md).
"""
WORKER_HEAD = """# The worker's file
Written by `make reference` from the models of the configuration: change those, not this file. The smallest one:
```yaml
machine: machine.yaml                  # relative to this file
input: {topics: [orders.in]}
output: {topic: orders.out}
dead_letter: {topic: orders.dlq}
```
`${NAME}` and `${NAME:-default}` in texts are filled in from the environment. `--set kafka.group_id=x` beats the environment
(`FSM_WORKER__KAFKA__GROUP_ID=x`), which beats the file. Times are written `250ms`, `5s`, `2m`, sizes `64MiB`. `fsm-worker check -c FILE` says
what is wrong, with file:line:column.
"""
SHAPES = {"network": "A network", "state": "A state", "arc": "An arc", "way": "A case of a switch", "require": "A line of `require`",
          "validate": "A declarative validate", "function": "A function", "retry": "`retry`", "catch": "A line of `catch`", "test": "A test"}


def reference() -> str:
    """The whole file."""
    parts = [HEAD, *_keys(), *_formulas(), *_reasons(), *_checks(), *_promises()]
    return "\n".join(parts) + "\n"


def _keys() -> Iterator[str]:
    schema = machine_schema()
    yield "## Keys\nAnything else is an error with a suggestion, but for keys that start with `x-`: they are yours."
    yield from _table("The machine", schema)
    for name, title in SHAPES.items():
        yield from _table(title, _record(schema["$defs"][name]))
    for inner in ("expect", "table"):
        yield from _table(f"`{inner}` of a test", schema["$defs"]["test"]["properties"][inner])


def _record(shape: dict[str, Any]) -> dict[str, Any]:
    """The object among the forms that a shape may have; where there are two, the first."""
    return next(form for form in [shape, *shape.get("anyOf", ())] if "properties" in form)


def _table(title: str, shape: dict[str, Any]) -> Iterator[str]:
    described = {name: key for name, key in shape["properties"].items() if key.get("description") and key != LATER}
    needed = shape.get("required", ())
    about = shape["description"] + "\n" if shape["description"].count(" ") > 1 else ""  # "A way." says nothing
    yield f"\n### {title}\n{about}\n| key | |\n|---|---|"
    for name, key in described.items():
        choices = f" One of {', '.join(f'`{choice}`' for choice in key['enum'])}." if len(key.get("enum", ())) > 1 else ""
        yield _row(f"`{name}`{' (needed)' if name in needed else ''}", key["description"] + choices)
    for words, keys in (("Not supported yet (190)", [name for name, key in shape["properties"].items() if key == LATER]),
                        ("Taken without a meaning", [name for name, key in shape["properties"].items() if not key.get("description")])):
        if keys:
            yield f"\n{words}, for documents that were written elsewhere: {', '.join(f'`{name}`' for name in keys)}."


def _formulas() -> Iterator[str]:
    yield "\n## Formulas\n### Helpers\n`d`, where there is one, is what comes instead of the helper's own error.\n\n| helper | | example |\n|---|---|---|"
    for call, words in LAZY_WORDS.items():
        yield _row(f"`{call}`", words, _example(call.split("(")[0]))
    for name, function in FUNCTIONS.items():
        call = f"{name}({', '.join(map(_parameter, SIGNATURES[name].parameters.values()))})"
        yield _row(f"`{call}`", str(inspect.getdoc(function)).split("\n\n")[0], _example(name))
    yield f"\n### Builtins\n{_listed(names.BUILTINS)}"
    yield f"\n### Methods of texts, lists and objects\n{_listed(names.METHODS - names.MUTATORS)}"
    yield f"\n### What `state` shows\n{_listed(names.STATE_NAMES)}; of `state.meta` {_listed(names.META_NAMES)}; of `state.error` {_listed(names.ERROR_NAMES)}"


def _example(helper: str) -> str:
    """The shortest case of a helper that says something; what it is given stands in the place of fields, but where it takes paths."""
    formulas = [case for case in _cases() if case.get("formula", "").startswith(f"{helper}(") and "gives" in case and "machine" not in case]
    for case in sorted(formulas, key=lambda case: len(case["formula"])):
        for given, gives in zip(case["given"], case["gives"], strict=True):
            if gives not in (None, False, {}, *given.values()) and not (isinstance(gives, dict) and "raises" in gives):
                asked = f"`{case['formula']}` of `{given}`" if helper in names.LAZY_HELPERS else f"`{_filled(case['formula'], given)}`"
                return f"{asked} → `{_short(gives)}`"
    return ""


def _filled(formula: str, given: dict[str, Any]) -> str:
    return re.sub(r"data[.]([a-z]+)", lambda field: repr(given.get(field[1])), formula)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:20]}…"


def _cases() -> list[dict[str, Any]]:
    return [case for file in sorted(CASES.glob("*.yaml")) for case in _read(file)]


@cache
def _read(file: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
    return cases


def _parameter(one: inspect.Parameter) -> str:
    if one.kind is one.VAR_POSITIONAL:
        return f"*{one.name}"
    if one.default is one.empty:
        return one.name
    return f"[{one.name}]" if one.name == "d" else f"{one.name}={one.default!r}"


def _listed(of: frozenset[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(of))


def _reasons() -> Iterator[str]:
    yield "\n## Reasons of dead letters\n| reason | |\n|---|---|"
    for reason, words in REASONS.items():
        yield _row(f"`{reason}`", words)


def _checks() -> Iterator[str]:
    yield ("\n## Codes of `check`\n**E** error: the machine does not load, or a test failed; **W** warning; **I** info. How to read them: [checks.md](checks.md)."
           "\n\n| code | | meaning | example |\n|---|---|---|---|")
    for code, words in CODES.items():
        yield _row(str(code), *words)


def _promises() -> Iterator[str]:
    yield "\n## What is promised\nEach sentence is the name of a case in `tests/conformance/cases` that runs through the interpreter and through the compiled code."
    for file in sorted(CASES.glob("*.yaml")):
        sentences = [str(case["name"]) for case in _read(file)]
        yield f"\n### {file.stem.replace('_', ' ').capitalize()}\n" + "\n".join(f"* {_inert(sentence)}" for sentence in sentences)


def worker_file() -> str:
    """The whole of worker.md."""
    schema = worker_schema()
    sections = {name: key for name, key in schema["properties"].items() if "$ref" in key}
    alone = {name: key for name, key in schema["properties"].items() if name not in sections}
    parts = [WORKER_HEAD, "## Alone\n" + _settings(schema, "", alone, schema["required"])]
    for name, key in sections.items():
        shape = schema["$defs"][key["$ref"].rpartition("/")[2]]
        parts.append(f"\n## `{name}`\n{key['description']}\n\n{_settings(schema, name + '.', shape['properties'], shape.get('required', ()))}")
    codes = [_row(str(code), *words) for code, words in CODE_WORDS.items()]
    parts.append("\n".join(["\n## Codes of `check -c`\nBeside [those of the machine](reference.md#codes-of-check).\n\n| code | | meaning |\n|---|---|---|", *codes]))
    return "\n".join(parts) + "\n"


def _settings(schema: dict[str, Any], above: str, keys: dict[str, Any], needed: Collection[str]) -> str:
    return "\n".join(["| key | default | |", "|---|---|---|", *_setting_rows(schema, above, keys, needed)])


def _setting_rows(schema: dict[str, Any], above: str, keys: dict[str, Any], needed: Collection[str]) -> Iterator[str]:
    for name, key in keys.items():
        if "$ref" in key:
            shape = schema["$defs"][key["$ref"].rpartition("/")[2]]
            yield from _setting_rows(schema, f"{above}{name}.", shape["properties"], shape.get("required", ()))
            continue
        choices = f" One of {', '.join(f'`{one}`' for one in key['enum'])}." if "enum" in key else ""
        yield _row(f"`{above}{name}`", "needed" if name in needed else _default(key), key["description"] + choices)


def _default(key: dict[str, Any]) -> str:
    """As one would write it: sizes and times, which may be text too, with their units."""
    value, kinds = key.get("default"), {form.get("type") for form in key.get("anyOf", ())}
    if value in (None, ""):
        return ""
    if kinds == {"string", "integer"} and isinstance(value, int) and value >= 1 << 20:
        return f"`{value >> 20}MiB`"
    if kinds == {"string", "number"}:
        return f"`{value:g}s`" if value >= 1 or not value else f"`{value * 1000:g}ms`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _inert(text: str) -> str:
    """Text in which Markdown sees no markup."""
    return text.replace("_", "\\_").replace("*", "\\*").replace("<", "\\<")


if __name__ == "__main__":
    for file, text in (("reference.md", reference()), ("worker.md", worker_file())):
        (HERE / file).write_text(text, encoding="utf-8")
