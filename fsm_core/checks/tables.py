"""Tables of numbers in which one entry is a text that looks like a number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from fsm_core.definition import Definition, Finding
from fsm_core.expressions.placing import mark_of

_NUMERAL: Final = re.compile(r"\s*[-+]?\d[\d.,' ]*\s*%?\s*")


def table_findings(definition: Definition) -> Iterator[Finding]:
    """`{DE: 0.19, AT: 20%}`: YAML reads a text there, and no test may ask for Austria."""
    for define in definition.defines:
        for node in ast.walk(define.body.tree) if define.parameters is None and define.body.tree is not None else ():
            values = [v for v in node.values if isinstance(v, ast.Constant)] if isinstance(node, ast.Dict) else []
            if not any(v.value.__class__ in (int, float) for v in values):
                continue
            for value in values:
                if isinstance(value.value, str) and _NUMERAL.fullmatch(value.value):
                    yield Finding(320, "warning", f"'{value.value}' is a text among numbers", mark_of(value, define.mark), "a number has a point, and nothing behind it: 0.2")
