"""What to do about a finding that does not say it itself, in words for who is no programmer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fsm_core.definition import Finding

_ADVICE: Final = {
    201: "let an arc lead to it, or take it out", 202: "add an arc that leads out of the circle, to an end",
    211: "put it before the arc that takes all, or take it out", 212: "a condition compares something, as in data.x > 1; what is left over takes `else: true`",
    213: "take one of the two out, or change its condition", 216: "a misspelt text, or one that `input_schema` does not know yet",
    301: "a misspelt name, or one that `input_schema` does not know yet", 303: "use the name, or take the line out",
    310: "read the field itself", 311: "a misspelt name, or a field that was removed or never kept", 312: "read the field itself: data.name",
    313: "`require` that it is `in` the table, or write table.get(key, a default)", 320: "a number has no quotes, a text has; to_number() makes a number of a text, text() a text of a number",
    322: "take the message out, or give the end `outcome: error`", 323: "`require` that it is there", 330: "a transform gives the record, with all of its fields",
    340: "take `retry` out", 341: "take it out, or put it before the one that takes all",
}


def advised(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, each with a hint where there is one for its code."""
    return [f if f.hint else replace(f, hint=_ADVICE.get(f.code, "")) for f in findings]
