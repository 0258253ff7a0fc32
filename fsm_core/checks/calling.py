"""Calls over facts: helpers, builtins and methods."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from fsm_core.checks.comparing import extreme, without_null
from fsm_core.checks.facts import ANY, NUMERIC, Fact, join, join_all, of
from fsm_core.checks.narrowing import Env
from fsm_core.checks.notes import Notes
from fsm_core.checks.patterns import found_groups
from fsm_core.checks.signatures import CONVERTS, HAS_DEFAULT, NUMBER, OBJECT_METHODS, RESULTS, TAKES, TEXT_METHODS
from fsm_core.checks.writing import written

_PADDED = frozenset(["%H", "%I", "%M", "%S", "%d", "%m", "%j", "%y", "%U", "%W"])


class Calls:
    """The half of the evaluator that is about calls."""

    notes: Notes
    patterns: Mapping[str, str]

    def of(self, node: ast.expr, env: Env) -> Fact:
        """What an expression gives."""
        raise NotImplementedError

    def needs(self, fact: Fact, takes: frozenset[str] | set[str], node: ast.expr, what: str) -> None:
        """Say where a value is not of a type that is taken."""
        raise NotImplementedError

    def _parts(self, node: ast.AST, env: Env) -> Fact:
        raise NotImplementedError

    def _call(self, node: ast.Call, env: Env) -> Fact:
        match node.func:
            case ast.Name(id="_fsm_coalesce"):
                return self._coalesced([a.body for a in node.args if isinstance(a, ast.Lambda)], env)
            case ast.Name(id="_fsm_read"):
                return self._read(node, env)
            case ast.Name(id=name):
                return self._helper(name, node, env)
            case ast.Attribute(value=value, attr=method):
                return self._method(value, method, node, env)
        return self._parts(node, env)

    def _coalesced(self, parts: list[ast.expr], env: Env) -> Fact:
        made = Fact(frozenset())
        for i, part in enumerate(parts):
            fact = self.of(part, env)
            made = join(made, fact if i == len(parts) - 1 else without_null(fact))
            if i == len(parts) - 1 and "null" in fact.types and isinstance(part, ast.Call):
                made = replace(made, guessed=True)  # it was asked for because it may be absent
            if "null" not in fact.types and i < len(parts) - 1:
                self.notes.say(312, f"`{written(part)}` is always there: the rest of coalesce is never used")
                break
        return made

    def _read(self, node: ast.Call, env: Env) -> Fact:
        fact, steps = self.of(node.args[0], env), node.args[1]
        path = node.args[0]
        for step in steps.elts if isinstance(steps, ast.Tuple) else ():
            name = step.value if isinstance(step, ast.Constant) else None
            if not isinstance(name, str) or "object" not in fact.types:
                return ANY if "object" in fact.types or "array" in fact.types else of("null")
            found, always = fact.at(name), fact.types == {"object"}
            path = ast.Subscript(path, ast.Constant(name), ast.Load())
            if found.presence == "unknown":
                self.notes.asked(path)
            if found.presence == "never" and fact.closed:
                self.notes.say(311, f"the field '{name}' is never there: `has` and `coalesce` find nothing", rests_on_input=False)
            fact = of("null") if found.presence == "never" else found.fact
            if found.presence != "always" or not always:
                fact = join(fact, of("null"))
        return fact

    def _helper(self, name: str, node: ast.Call, env: Env) -> Fact:
        facts = [self.of(a, env) for a in node.args if not isinstance(a, ast.Starred)]
        facts += [self.of(k.value, env) for k in node.keywords]
        if name in CONVERTS and len(node.args) > 1 and isinstance(node.args[0], ast.Constant) and not isinstance(node.args[1], ast.Constant):
            self.notes.say(320, f"{name}() of the constant {written(node.args[0])}", "are its arguments swapped?")
        match node:
            case ast.Call(func=ast.Name(id="to_int" | "to_number"), args=[ast.Call(func=ast.Name(id="format_time"), args=[_, ast.Constant(value=str() as fmt)])]) if fmt in _PADDED:
                self.notes.say(320, f"{name}() of `{written(node.args[0])}`, which may be '07': a number does not begin with 0", "int() reads it")
        default = HAS_DEFAULT.get(name)
        lenient = default is not None and (len(node.args) > default or any(k.arg == "d" for k in node.keywords))
        for fact, takes, argument in zip(facts, TAKES.get(name, ()), node.args, strict=False):
            if not lenient:
                self.needs(fact, takes, argument, f"{name}() of")
        if lenient:
            return join(RESULTS.get(name, ANY), facts[-1])
        if name == "round" and facts:
            return Fact(frozenset(["integer"]) if len(facts) == 1 else facts[0].types & NUMERIC or NUMBER.types, low=facts[0].low and facts[0].low - 1, high=facts[0].high and facts[0].high + 1)
        if name in ("min", "max") and len(facts) > 1:
            return extreme(facts, name)
        if name in ("min", "max") and facts:
            self.needs(facts[0], frozenset(["array", "object", "string"]), node.args[0], f"{name}() of")
        if name == "find" and node.args:
            return found_groups(_text_of(node.args[0], self.patterns))
        if name == "clip" and len(facts) == 3:
            return Fact(join_all(facts).types, low=facts[1].low, high=facts[2].high)
        return RESULTS.get(name, ANY)

    def _method(self, value: ast.expr, method: str, node: ast.Call, env: Env) -> Fact:
        base = self.of(value, env)
        facts = [self.of(a, env) for a in node.args]
        if method == "get" and "object" in base.types and isinstance(node.args[0] if node.args else None, ast.Constant):
            return self._got(base, node, facts)
        if method in TEXT_METHODS and method not in ("find",):
            self.needs(base, frozenset(["string"]), value, f".{method}() of")
            return TEXT_METHODS[method]
        if method in OBJECT_METHODS:
            self.needs(base, frozenset(["object"]), value, f".{method}() of")
        return OBJECT_METHODS.get(method, ANY)

    def _got(self, base: Fact, node: ast.Call, facts: list[Fact]) -> Fact:
        name = str(node.args[0].value) if isinstance(node.args[0], ast.Constant) else ""
        found, default = base.at(str(name)), facts[1] if len(facts) > 1 else of("null")
        if found.presence == "never":
            self.notes.say(311, f"no path sets the field '{name}' that `.get` asks for")
            return default
        if found.presence == "always":
            if len(facts) > 1:
                self.notes.say(310, f"the field '{name}' is always there: the default of `.get` is never used")
            return found.fact
        return join(found.fact, default)


def _text_of(node: ast.expr, patterns: Mapping[str, str]) -> str | None:
    """The pattern that an argument is, literal or by the name of a define."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id=name):
            return patterns.get(name)
    return None
