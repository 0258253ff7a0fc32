"""The parts of a document that stand in several places: functions, templates, ways, tests."""

from __future__ import annotations

from fsm_core.schema.shapes import LATER, Schema, author_map, flag, many, record, ref, text

_TEMPLATE = "text that starts with = is a formula, == is a text with one =, any other scalar is itself; maps and lists may hold formulas"


def pieces() -> dict[str, Schema]:
    """`$defs`, all but states, arcs and networks."""
    return {
        "template": {"description": f"A template: {_TEMPLATE}."},
        "formula": {"type": ["string", "boolean", "number"], "description": "A formula: one Python expression over data, state, params, let and define names; "
                    "data.name reads a field and a missing one is an error. No = in front."},
        "duration": {"type": ["string", "number"], "description": "A time: 250ms, 5s, 2m, or seconds."},
        "function": {"description": "Logic: inline code as text, an object that says what it is, or a list of these.",
                     "anyOf": [{"type": "string"}, _function(), {"type": "array", "items": {"anyOf": [{"type": "string"}, _function()]}}]},
        "validate": {"description": "Checks the record: required, types and ranges, or code that returns true, false or a list of messages.",
                     "anyOf": [_rules(), {"type": "string"}, _function(), {"type": "array"}]},
        "way": {"description": "Where a case leads: a state's name, or through a network and on to a state.",
                "anyOf": [{"type": "string"}, record({"push": text("The network to go through."), "to": text("The state to go on to."),
                                                      "description": text("What it is for.")}, "A way.")]},
        "require": record({"condition": ref("formula", "What must be true."),
                           "message": ref("template", "What is said where it is not; default: the condition."),
                           "description": text("What it is for.")}, "One requirement.", ("condition",)),
        "retry": _retry(),
        "catch": record({"errors": many({"type": "string"}, "Names of exception classes, or of their bases; left out: every error."),
                         "to": text("The state that the record goes to, as it entered this one; state.error says what happened."),
                         "description": text("What it is for.")}, "One catch.", ("to",)),
        "test": _test(),
    }


def _function() -> Schema:
    return record({
        "type": text("What kind it is; left out, the other keys say it.", "inline", "builtin", "custom", "registered"),
        "code": text("Inline code: a lambda of one parameter `state`, a lambda of (data, context), or a formula."),
        "ref": text("The name of a registered function, or module:attribute in a trusted document."),
        "name": text("The same as ref, in documents of the field."), "module": LATER, "params": LATER,
        "mode": text("batch: called once for all records of a chunk, with a list.", "batch", "record"),
        "timeout": ref("duration", "How long one attempt may take."), "pure": flag("It has no effects: it may be called again at will."),
        "idempotent": flag("Calling it twice does no harm: a failed batch may be split and called again."),
        "args": ref("template", "What it gets instead of the record."), "into": text("The path where its answer goes, instead of becoming the record."),
        "description": text("What it is for."),
    }, "A function.")


def _rules() -> Schema:
    types = {"type": "string", "enum": ["string", "number", "integer", "boolean", "object", "array", "null"]}
    ends = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}
    return record({"required": many({"type": "string"}, "Fields that are there and not null."),
                   "types": author_map(types, "The JSON type of a field, where it is there and not null."),
                   "ranges": author_map(ends, "Lowest and highest, both included; null is open.")}, "A declarative validate.")


def _retry() -> Schema:
    return record({"errors": many({"type": "string"}, "Only after these errors; left out: after every one."),
                   "attempts": {"type": "integer", "minimum": 1, "description": "How often it is called in all (3)."},
                   "delay": ref("duration", "The first wait (100ms)."),
                   "backoff": {"type": "number", "minimum": 1, "description": "Each wait is so many times the one before (2)."},
                   "max_delay": ref("duration", "The longest wait (30s)."),
                   "jitter": text("full: each wait is random up to its length.", "full", "none")}, "When a call is tried again.")


def _test() -> Schema:
    expect = record({
        "state": text("The end state, or the state that it failed in."), "reason": text("A failure's code, or a drop's reason."),
        "message": text("A text that the failure's message holds."), "data": {"description": "A part of the record as it ends: what is given here must be there."},
        "absent": many({"type": "string"}, "Top-level fields that must not be there."), "route": {"type": ["string", "null"], "description": "The output's route."},
        "key": {"description": "The output's key, as the text that is sent."}, "headers": author_map({}, "The output's headers, as the text that is sent."),
        "outputs": many(record({"route": {}, "key": {}, "headers": {}, "value": {}}, "One output, as a part."), "Every output, in order."),
    }, "What must come of it; what is left out is not looked at.")
    table = record({"columns": many({"type": "string"}, "given.FIELD, meta.FIELD, now, and what expect may say: state, reason, message, data.FIELD, …"),
                    "rows": many({"type": "array"}, "A test for each.")}, "A test for each row, over the shared given.", ("columns", "rows"))
    return record({
        "name": text("What it is called in reports."), "description": text("What it is for."), "given": {"type": "object", "description": "The record, plain JSON."},
        "meta": record({"topic": {}, "partition": {}, "offset": {}, "key": {}, "timestamp": {}, "headers": {}},
                       "topic, partition, offset, key, timestamp, headers: those that matter."),
        "now": {"type": ["number", "string"], "description": "The time, seconds or ISO text; default 2026-01-01T00:00:00Z."},
        "params": author_map({}, "Params of this test."), "expect": expect, "table": table,
        "calls": author_map(record({"return": {}, "raise": {}}, "An answer."), "What a function answers: {return: …} or {raise: TimeoutError}."),
    }, "One test of the machine.")
