"""The codes of findings, for readers: what each means, how severe it is, and an example. A test holds the checks to this table."""

from __future__ import annotations

from typing import Final, NamedTuple


class CodeWords(NamedTuple):
    """`severities`: E error, W warning, I info; more than one where it depends, as `meaning` says."""

    severities: str
    meaning: str
    example: str = ""


CODES: Final[dict[int, CodeWords]] = {
    100: CodeWords("E", "unknown key, or a key that does not belong there", "`functons:`"),
    101: CodeWords("E", "a state, or a network, twice"),
    102: CodeWords("E", "not exactly one start state"),
    103: CodeWords("E", "no end state"),
    104: CodeWords("E", "a state or network that does not exist", "`to: chekced`"),
    105: CodeWords("E", "an end state with an arc going out"),
    106: CodeWords("E", "not Python, not YAML", '`condition: "data.x >"`'),
    110: CodeWords("E", "a name that does not exist", "`prams.limit`"),
    111: CodeWords("E, I", "a function that cannot be imported; info in a safe document that leaves it to a worker file", "`ref: geo`"),
    112: CodeWords("E", "a value or a parameter that does not fit", "`has(1)`, `to_int(0, data.x)`"),
    113: CodeWords("E", "networks that push each other in a circle"),
    115: CodeWords("E", "a name hides another", "`let: {len: 1}`"),
    116: CodeWords("E", "a formula without its `=`", "`set: {total: data.qty * 2}`"),
    117: CodeWords("E", "a value that is not JSON: write it as text", "`set: {day: 2026-01-01}`"),
    190: CodeWords("E", "a part of the language or of the worker file that is not built yet"),
    201: CodeWords("W", "a state that nobody gets to"),
    202: CodeWords("W", "a state from which no end can be reached"),
    203: CodeWords("W", "a state without a way out"),
    204: CodeWords("W", "a cycle on which nothing changes the record", "`c → c` while `data.n > 0`, and nobody changes `n`"),
    210: CodeWords("W", "all arcs have conditions, and some record may meet none", "`data.kind == 'a'` alone"),
    211: CodeWords("W, I", "an arc that is never taken; info for an `else` where the arcs before it take all that is known to come", "`data.n >= 70` before `data.n >= 95`"),
    212: CodeWords("W", "a condition that is always true, or a comparison that never is", "`data.unit == 'Kelvin'` after `data.unit in ['C', 'F', 'K']`"),
    213: CodeWords("W", "a condition that stands on an earlier arc already"),
    214: CodeWords("I", "the negation of an earlier condition: the same as `else: true`", "`data.x`, then `not data.x`"),
    215: CodeWords("W", "conditions that leave a gap between ranges, or overlap", "`data.n > 5`, `data.n < 5`"),
    216: CodeWords("W", "a case that the value never has, or a value without a case", "case `payed`, schema `enum: [paid]`"),
    301: CodeWords("W, I", "a field that no path sets or that the schema does not name, a word that JSON Schema does not know; info: a name (of a route too) that stands once and is one slip from another", "`data.amuont`"),
    302: CodeWords("W, I", "a field that not every path sets; info where the input may have it, or where a later line asks whether it is there", "set in one of two branches"),
    303: CodeWords("I", "a `let` that nobody reads, or a field that is overwritten, removed or not kept before anybody reads it"),
    310: CodeWords("I", "the default of `.get` is never used"),
    311: CodeWords("W", "`.get`, `has` or `coalesce` of a field that no path sets", "after `keep: [id]`"),
    312: CodeWords("I", "`coalesce` or `?` on a field that is always there", "`coalesce(data.x, 0)` after `set: {x: 1}`"),
    313: CodeWords("W, I", "a key that a table may not have", "`vat[country]` without `country in vat`"),
    320: CodeWords("W, I", "an operation on a type that does not take it, or on what may be null; a numeral that is a text in a table of numbers", "`data.n >= '500'` after `to_int`"),
    321: CodeWords("W, I", "a number that may exceed 64 bits", "`to_int(data.x) * 1000`"),
    322: CodeWords("I", "a message that no failure can show, a reason that drops nothing", "`message:` on an output end"),
    323: CodeWords("W, I", "a tombstone whose key may be null", "`key: =coalesce(data.id)`"),
    324: CodeWords("W", "a dot in a key of a map: it is part of the name there", "`set: {x: {a.b: 1}}`"),
    325: CodeWords("W", "a text that may be a formula without its `=`", "`sku: l.sku` in a `=for: l in …`"),
    330: CodeWords("W", "a transform that may give no object", "`find(…)` as transform"),
    331: CodeWords("E, W", "a change in place: error in a formula, warning in inline code", "`state.data['x'] = 1`"),
    340: CodeWords("W", "a retry of a function without effects"),
    341: CodeWords("W", "a catch that is never reached, of an error that has no such name, or on a state that cannot fail", "`[{to: a}, {errors: [KeyError], to: b}]`"),
    410: CodeWords("E", "not allowed in a document that is not trusted", "`open('x')`"),
    411: CodeWords("W", "trusted code whose result differs from run to run", "`random.random()`"),
    420: CodeWords("I", "not fused by the compiler, and why", "a `ref`"),
    500: CodeWords("E, I", "a test failed; info: no test takes the arc"),
    900: CodeWords("I", "which fields of its input the machine reads; what a record has at this end: `x` always, `x?` on some paths, `and what came in` where the rest is open"),
}
