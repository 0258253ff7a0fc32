"""Random machines over the whole language, from a seed: declarative states, templates, switches, pushes, catches, fan-outs, cycles."""

from __future__ import annotations

import json
from random import Random
from typing import Any

Document = dict[str, Any]
FIELDS = ("a", "b", "c", "d")
_SCALARS = (None, True, False, 0, 1, 2, -1, 1.5, "x", "1", "k", "", 2**62, 1e308, 10**18, 2**63 - 1, 10**24)


def formula(r: Random, lets: list[str], depth: int = 0) -> str:
    """A formula over fields, params, defines, helpers and the lets given."""
    f = r.choice(FIELDS)
    atoms = [f"data.{f}", f"data.{f}", f"coalesce(data.{f}, {r.choice(['1', '0', 'None'])})", f"coalesce(data.{f}.k, data.{r.choice(FIELDS)})",
             f"has(data.{f}.k)", f"has(data.{f})", "state.now", str(r.randint(-2, 9)), "'x'", "None", "params.p", "tab.x", f"to_int(data.{f}, None)",
             f"text(data.{f})", "state.error", "state.message", "state.meta.offset", "coalesce(state.meta.headers.k, 1)", f"dbl(data.{f})", *lets, *lets]
    if depth > 1 or r.random() < 0.5:
        return r.choice(atoms)
    a, b, c = (formula(r, lets, depth + 1) for _ in range(3))
    return r.choice([f"({a} + {b})", f"({a} * {b})", f"({a} > {b})", f"({a} == {b})", f"({a} and {b})", f"(not {a})", f"case({a}, {b}, {c})",
                     f"[q for q in {a}]", f"len({a})", f"[{a}, {b}]", f"{{'k': {a}}}", f"({a} in {b})", f"round({a}, 2)", f"({a} - {b})",
                     f"({a} / {b})", f"coalesce({a}, {b})", f"unique({a})", f"({a}).strip()"])


def template(r: Random, lets: list[str], depth: int = 0) -> Any:
    """A template, with optional entries, conditions and loops."""
    x = r.random()
    if x < 0.6 or depth > 1:
        return "=" + formula(r, lets)
    if x < 0.7:
        return r.choice([1, None, "t", True, 1.5, [1], {}])
    if x < 0.85:
        return {r.choice(["k", "l", "k?", "m?"]): template(r, lets, depth + 1) for _ in range(r.randint(1, 3))}
    if x < 0.93:
        return [template(r, lets, depth + 1), {"=if": formula(r, lets), "=value": template(r, lets, depth + 1)}]
    kept = {"=if": "w != 1"} if r.random() < 0.5 else {}
    return [{"=for": f"w in coalesce(data.{r.choice(FIELDS)}, [])", "n": "=w", "m?": "=coalesce(w.k)", **kept}]


def _steps(r: Random) -> tuple[Document, list[str]]:
    """What a state does on entry, and the names of its lets."""
    made: Document = {}
    lets: list[str] = []
    if r.random() < 0.4:
        made["let"] = {}
        for name in ["u", "v"][:r.randint(1, 2)]:
            made["let"][name] = "=" + formula(r, lets)
            lets.append(name)
    if r.random() < 0.35:
        made["require"] = [{"condition": formula(r, lets), **({"message": template(r, lets, 2)} if r.random() < 0.5 else {})} for _ in range(r.randint(1, 2))]
    some: list[tuple[float, str, Any]] = [
        (0.12, "record", r.choice(["=data.a", {"a": "=data.b", "z?": "=data.c.k"}, template(r, lets)])),
        (0.25, "rename", {r.choice([*FIELDS, "a.k", "b.k"]): r.choice(["e", "f", "a", "g.h", "b.k"])}),
        (0.6, "set", {r.choice([*FIELDS, "e", "a.k", "b.k.l", "c?", "d.k?", "['a.b']"]): template(r, lets) for _ in range(r.randint(1, 3))}),
        (0.2, "remove", [r.choice([*FIELDS, "a.k", "e"])]), (0.12, "keep", r.sample([*FIELDS, "e"], 3))]
    made |= {key: value for chance, key, value in some if r.random() < chance}
    functions: Document = {}
    if r.random() < 0.2:
        functions["transform"] = r.choice(["lambda state: {**state.data, 'a': 1}", "lambda data, ctx: {**data, 'c': ctx.setdefault('n', 3)}",
                                           "lambda state: {'a': state.data.get('a'), 'b': state.data['b']}"])
    if r.random() < 0.15:
        functions["validate"] = r.choice([{"required": ["a"], "types": {"b": "number"}}, "lambda state: state.data.get('a') != 1"])
    return ({**made, "functions": functions} if functions else made), lets


def _inner(r: Random, name: str, later: list[str]) -> tuple[Document, list[str]]:
    steps, lets = _steps(r)
    state = {"name": name, **steps}
    if r.random() < 0.12:
        state["fan_out"] = r.choice([[{"=for": "w in coalesce(data.a, [])", "a": "=w", "b?": "=data.b"}], [{"a": 1}, {"a": "=data.b"}], "=data.a",
                                     [{"=for": "i, w in enumerate(data.c)", "=if": "w", "a": "=i", "c": "=w"}]])
    if r.random() < 0.17:
        state["on_error"] = r.choice(later)
    elif r.random() < 0.2:
        state["catch"] = [{"errors": [r.choice(["KeyError", "TypeError", "ValidationError", "LookupError"])], "to": r.choice(later)},
                          *([{"to": r.choice(later)}] if r.random() < 0.6 else [])]
    return state, lets


def _arcs(r: Random, name: str, lets: list[str], pool: list[str], later: list[str], subs: list[str]) -> list[Document]:
    def way() -> Any:
        return {"push": r.choice(subs), "to": r.choice(pool)} if subs and r.random() < 0.4 else r.choice(pool)

    def extras() -> Document:
        made: Document = {"message": template(r, lets, 2)} if r.random() < 0.3 else {}
        return {**made, "push": r.choice(subs)} if subs and r.random() < 0.3 else made

    arcs: list[Document] = []
    if r.random() < 0.25:
        last = {"default": way(), **({"message": template(r, lets, 2)} if r.random() < 0.4 else {})} if r.random() < 0.6 else {}
        arcs.append({"from": name, "switch": r.choice(["data.a", "text(data.b)", "coalesce(data.c.k, 'k')", formula(r, lets)]),
                     "cases": {k: way() for k in ("x", "1", "k")}, **last})
    for _ in range(r.randint(0, 2)):
        changed = {"transform": "lambda data, ctx: {**data, 't': 1}"} if r.random() < 0.15 else {}
        arcs.append({"from": name, "to": r.choice(pool), "condition": formula(r, lets), "priority": r.randint(-1, 1), **extras(), **changed})
    if r.random() < 0.85:
        arcs.append({"from": name, "to": r.choice(later), "else": True, **extras()})
    return arcs


def _end(r: Random, end: Document) -> Document:
    """An end state with steps of its own and what it adds to an output."""
    made = {**end, **(_steps(r)[0] if r.random() < 0.4 else {})}
    outcome = end.get("outcome", "output")
    if outcome == "error" and r.random() < 0.4:
        made["message"] = template(r, [], 2)
    if outcome == "output" and end["name"] != "back":
        some = [(0.4, "key", template(r, [], 2)), (0.3, "headers", {"h": template(r, [], 2), "g": "=data.a"}), (0.1, "timestamp", "=data.a")]
        made |= {key: value for chance, key, value in some if r.random() < chance}
        if "key" in made and r.random() < 0.2:
            made["tombstone"] = True
    return made


def _network(r: Random, name: str, names: list[str], ends: list[Document], subs: list[str], cycles: bool) -> Document:
    states, arcs = [], []
    for i, one in enumerate(names):
        later = names[i + 1:] + [e["name"] for e in ends]
        state, lets = _inner(r, one, later)
        states.append({**state, "is_start": True} if i == 0 else state)
        arcs += _arcs(r, one, lets, names + later if cycles and r.random() < 0.3 else later, later, subs)
    return {"name": name, "states": [*states, *(_end(r, e) for e in ends)], "arcs": arcs}


def machine(r: Random) -> Document:
    """A document; now and then it has an error, such as a loop inside a loop."""
    networks: list[Document] = []
    for k in range(r.randint(0, 2)):
        final = [{"name": "fin", "is_end": True, "outcome": r.choice(["output", "error", "drop"])}] if r.random() < 0.5 else []
        networks.append(_network(r, f"n{k}", [f"p{i}" for i in range(r.randint(1, 2))], [{"name": "back", "is_end": True}, *final],
                                 [n["name"] for n in networks], False))
    ends: list[Document] = [{"name": "output", "is_end": True}, {"name": "alerts", "is_end": True, "route": "al"},
                            {"name": "rejected", "is_end": True, "outcome": "error"}, {"name": "gone", "is_end": True, "outcome": "drop"}]
    main = _network(r, "main", [f"s{i}" for i in range(r.randint(1, 4))], ends, [n["name"] for n in networks], r.random() < 0.2)
    schema = {"input_schema": {"properties": {"a": {"type": ["number", "string", "array", "null"]}}, "required": ["b"]}}
    outside = {**(schema if r.random() < 0.15 else {}), **({"numbers": "exact"} if r.random() < 0.15 else {})}
    return {**outside, "name": "r", "main_network": "main", "max_transitions": 7, "params": {"p": 3}, "define": {"tab": {"x": 1}, "dbl(z)": "=z * 2"},
            "networks": [main, *networks]}


def record(r: Random) -> bytes:
    """A JSON object of odd values."""
    def value(depth: int) -> Any:
        x = r.random()
        if depth > 2 or x < 0.6:
            return r.choice(_SCALARS)
        if x < 0.8:
            return [value(depth + 1) for _ in range(r.randint(0, 3))]
        return {r.choice(["k", "l", "a"]): value(depth + 1) for _ in range(r.randint(0, 2))}
    return json.dumps({name: value(0) for name in (*FIELDS, "e") if r.random() < 0.7}).encode()
