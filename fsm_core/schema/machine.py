"""The schema of a whole document: `fsm-worker schema machine > machine.schema.json`."""

from __future__ import annotations

from fsm_core.schema.pieces import pieces
from fsm_core.schema.shapes import LATER, Schema, author_map, flag, many, record, ref, text

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def machine_schema() -> Schema:
    """JSON Schema (2020-12) of a machine document; what it cannot say (names that must exist, formulas) `check` does."""
    whole = record({**_network_keys(), **_top()}, "A state machine that records walk through.")
    return {"$schema": JSON_SCHEMA, "title": "fsm-worker machine", **whole,
            "anyOf": [{"required": ["networks"]}, {"required": ["states"]}],
            "$defs": {**pieces(), "state": _state(), "arc": _arc(), "network": record({**_network_keys(), "resources": LATER}, "A network.", ("name", "states"))}}


def _top() -> dict[str, Schema]:
    return {
        "name": text("The machine's name, in metrics, pages and dead letters."), "version": text("Free text; with the content's hash it names the machine."),
        "main_network": text("The network that records enter."), "networks": many({"$ref": "#/$defs/network"}, "The main network, and those that arcs push."),
        "input_schema": {"type": "object", "description": "JSON Schema of a record, checked before the start state; the static checks read it too."},
        "functions": author_map({"type": "string"}, "Names for importable functions, module:attribute (trusted documents only)."),
        "params": author_map({}, "Values that a deployment may change, with their defaults; formulas say params.name."),
        "define": author_map({"$ref": "#/$defs/template"}, "Constants, tables, and pure functions written `name(a, b): =formula`."),
        "max_transitions": {"type": "integer", "minimum": 1, "description": "How often a record may enter states on a cycle (1000)."},
        "numbers": text("exact: integers over 64 bits are read as they are.", "exact"),
        "tests": many({"$ref": "#/$defs/test"}, "Tests of the machine; `check` and `test` run them."), "resources": LATER, "data_mode": LATER,
    }


def _network_keys() -> dict[str, Schema]:
    return {"name": text("Its name."), "description": text("What it is for; graph and explain show it."),
            "states": many({"$ref": "#/$defs/state"}, "Where a record can be. One is the start, at least one an end."),
            "arcs": many({"$ref": "#/$defs/arc"}, "The ways between states: by priority, then in order; the first that is true is taken.")}


def _state() -> Schema:
    names = many({"type": "string"}, "")
    return record({
        "name": text("Its name."), "description": text("What it is for; graph and explain show it."),
        "is_start": flag("Records start here."), "is_end": flag("Records end here."),
        "functions": record({"validate": ref("validate", "First: is the record good?"), "transform": ref("function", "Fourth: code that returns the new record.")},
                            "Code on entry."),
        "validators": ref("validate", "As functions.validate."), "transforms": ref("function", "As functions.transform."),
        "let": author_map({"$ref": "#/$defs/template"}, "Second: names for the formulas of this state and its arcs; never in the record."),
        "require": many({"$ref": "#/$defs/require"}, "Third: what must be true; every message of what is not is reported."),
        "record": ref("template", "Fifth: a new record instead of the old one."),
        "rename": author_map({"type": "string"}, "Sixth: old path to new path; an absent one is skipped."),
        "set": author_map({"$ref": "#/$defs/template"}, "Seventh: fields by path, one after the other. A name that ends in ? is left out where what it reads is absent."),
        "remove": {**names, "description": "Eighth: paths that go."}, "keep": {**names, "description": "Ninth: the top-level fields that stay; all others go."},
        "fan_out": {"description": "Tenth: a template of a list, each item a record of its own; true: the transform's list.",
                    "anyOf": [{"type": ["boolean", "string", "array"]}]},
        "retry": ref("retry", "When its function is called again."), "catch": many({"$ref": "#/$defs/catch"}, "Where a record goes when something here fails; first match."),
        "on_error": text("Where a record goes when something here fails that no catch names."),
        "arcs": many({"$ref": "#/$defs/arc"}, "Ways out of this state."), "resources": LATER, "input_schema": LATER, "schema": LATER, "pre_validators": LATER, **_end(),
    }, "A state. On entry: validate, let, require, transform, record, rename, set, remove, keep, fan_out, whatever the order here.", ("name",))


def _end() -> dict[str, Schema]:
    return {
        "outcome": text("Of an end: output is sent on, error goes to the dead letters, drop is counted only.", "output", "error", "drop"),
        "route": text("Of an end: a named output; the worker's file maps it to a topic."), "reason": text("Of a drop: why, as it is counted."),
        "key": ref("template", "Of an end: the output's key."), "headers": author_map({"$ref": "#/$defs/template"}, "Of an end: headers; null leaves one out."),
        "timestamp": ref("template", "Of an end: the output's time, in seconds."), "tombstone": flag("Of an end: the value is null; needs a key."),
        "message": ref("template", "Of an error end: what is reported where the arc has no message."),
    }


def _arc() -> Schema:
    return record({
        "from": text("The state it leaves."), "to": text("The state it leads to; of a push, the one to go on to."), "target": text("The same as to."),
        "condition": {"description": "The guard: a formula, or code.", "anyOf": [{"$ref": "#/$defs/formula"}, {"$ref": "#/$defs/function"}]},
        "else": flag("Taken when no other arc of its state is."), "priority": {"type": "integer", "description": "Higher is tried first (0)."},
        "push": text("A network to go through on the way."), "target_network": text("The same as push."), "return_state": text("The same as to, of a push."),
        "switch": ref("formula", "A formula whose text chooses a case."), "cases": author_map({"$ref": "#/$defs/way"}, "Where each text leads."),
        "default": ref("way", "Where anything else leads; left out: the next arc is tried."),
        "message": ref("template", "Why, for a record that ends in error; of a switch, its default's."),
        "transform": ref("function", "Code that changes the record on the way."), "description": text("What it is for; graph shows it."),
        "name": text("A name for readers."), "metadata": {},
    }, "An arc.")
