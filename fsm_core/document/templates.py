"""Templates (`=formula`, constants, maps, lists, `?`, `=for`, `=if`), each lowered to one formula; and paths of `set`."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from fsm_core.definition import Assign, Code
from fsm_core.document.codes import parse_formula
from fsm_core.document.composing import step
from fsm_core.document.report import Report
from fsm_core.expressions import NotCode, parse_code, path_of
from fsm_core.expressions.hints import syntax_hint
from fsm_core.expressions.names import BUILTINS, FORMULA_NAMES, HELPERS
from fsm_core.expressions.parsing import refuse_deep

_STEP = re.compile(r"""\[\s*(?:'([^']*)'|"([^"]*)")\s*\]|([^.\[\]]+)""")
_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
NULL = ast.Constant(None)
_LOOP = "[0 for "


def parse_template(report: Report, value: Any, pointer: str) -> Code:
    """A template as one formula; what cannot be one is a finding and a null."""
    tree = lower(report, value, pointer)
    try:
        refuse_deep(tree)
    except SyntaxError as error:
        report.say(410, error.msg, pointer)
        tree = NULL
    source = value.strip().removeprefix("=") if isinstance(value, str) else ast.unparse(ast.fix_missing_locations(tree))
    return report.judge(Code("formula", source, tree, mark=report.document.mark(pointer)))


def lower(report: Report, value: Any, pointer: str) -> ast.expr:
    """The expression that builds what a template says; the formulas in it are marked with their places."""
    if isinstance(value, str):
        return _text(report, value, pointer)
    if isinstance(value, dict):
        return _map(report, value, pointer)
    if isinstance(value, list):
        return ast.List([_item(report, v, step(pointer, i)) for i, v in enumerate(value)], ast.Load())
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and value - value == 0):
        return ast.Constant(value)
    report.say(117, f"{value!r} is not JSON", pointer, "quote it")
    return NULL


def _map(report: Report, value: dict[Any, Any], pointer: str) -> ast.expr:
    keys: list[ast.expr | None] = []
    values: list[ast.expr] = []
    for key, below in value.items():
        here = step(pointer, key)
        if not isinstance(key, str):
            report.say(117, f"the key {key!r} is no text", here, "quote it")
        elif key.startswith("="):
            report.say(100, f"`{key}` stands in the item of a list", here)
        elif key.endswith("?"):
            tree = lower(report, below, here)
            entry = ast.Dict([ast.Constant(key[:-1])], [tree])
            guard = presence(tree)
            optional: ast.expr = entry if guard is None else ast.IfExp(guard, entry, ast.Dict([], []))
            optional.fsm_optional = True  # type: ignore[attr-defined]  # entries around it do not ask for its paths
            keys.append(None)
            values.append(optional)
        else:
            name = ast.Constant(key)
            name.fsm_mark = report.document.mark(here)  # type: ignore[attr-defined]  # where findings of it belong
            keys.append(name)
            values.append(lower(report, below, here))
    return ast.Dict(keys, values)


def _item(report: Report, value: Any, pointer: str) -> ast.expr:
    if not isinstance(value, dict) or not {"=for", "=if", "=value"} & value.keys():
        return lower(report, value, pointer)
    loop = _loop(report, value["=for"], step(pointer, "=for")) if "=for" in value else None
    before, report.loops = report.loops, (*report.loops, *([] if loop is None else (n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name))))
    made = _of_item(report, value, pointer, loop)
    report.loops = before
    return made


def _of_item(report: Report, value: dict[Any, Any], pointer: str, loop: ast.comprehension | None) -> ast.expr:
    rest = {k: v for k, v in value.items() if k not in ("=for", "=if", "=value")}
    if rest and "=value" in value:
        report.say(112, "an item has `=value` or keys of its own, not both", pointer)
    item = lower(report, value["=value"], step(pointer, "=value")) if "=value" in value else lower(report, rest, pointer)
    test = _formula(report, value["=if"], step(pointer, "=if")) if "=if" in value else None
    made: ast.expr
    if "=for" in value:
        if loop is None:
            return NULL
        loop.ifs = [] if test is None else [test]
        made = ast.ListComp(item, [loop])
        made.fsm_mark = report.document.mark(step(pointer, "=for"))  # type: ignore[attr-defined]  # where findings of it belong
    else:
        one = ast.List([item], ast.Load())
        made = one if test is None else ast.IfExp(test, one, ast.List([], ast.Load()))
    return ast.Starred(made, ast.Load())


def _loop(report: Report, text: Any, pointer: str) -> ast.comprehension | None:
    hint = ""
    try:
        place = report.document.place(pointer, -len(_LOOP))
        tree = parse_code(f"{_LOOP}{text}]", place=place).tree
        if isinstance(tree, ast.ListComp) and len(tree.generators) == 1 and not tree.generators[0].ifs:
            return tree.generators[0]
    except SyntaxError as error:
        hint = syntax_hint(str(text), error)
    report.say(106, "a loop is `x in FORMULA`", pointer, hint)
    return None


def _formula(report: Report, text: Any, pointer: str, skip: int = 0) -> ast.expr:
    """A nested formula with its own place, not judged yet: the whole template is. `skip`: characters that stand before it."""
    try:
        code = parse_code(text if isinstance(text, str) else str(text), place=report.document.place(pointer, skip))
    except NotCode as error:
        report.not_code(error, str(text), pointer)
        return NULL
    if code.kind != "formula" or not isinstance(code.tree, ast.expr):
        report.say(112, "a formula is an expression, not a lambda or def", pointer)
        return NULL
    if not hasattr(code.tree, "fsm_mark"):
        code.tree.fsm_mark = report.document.mark(pointer)  # type: ignore[attr-defined]  # where findings of it belong
    return code.tree


def _text(report: Report, value: str, pointer: str) -> ast.expr:
    stripped = value.strip()
    if stripped.startswith("=="):
        return ast.Constant(stripped[1:])
    if stripped.startswith("="):
        return _formula(report, stripped[1:], pointer, value.index("=") + 1)
    if _reads(report, stripped):
        report.say(116, f"`{stripped}` is text here", pointer, "write = in front, or ='…' for a text")
    elif _lost_sign(report, stripped):
        report.say(325, f"`{stripped}` is text here", pointer, "to compute it, write = in front; if it is meant as text, ='…'", "warning")
    return ast.Constant(value)


def _reads(report: Report, text: str) -> bool:
    """Whether a text without `=` is an expression that reads a record, or holds known names of let and define only."""
    own = {*report.lets, *report.constants, *report.arities}
    if not any(word in text for word in ("data", "state", "params", *own)):
        return False
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if any(isinstance(n, ast.Attribute | ast.Subscript) and isinstance(n.value, ast.Name)
           and n.value.id in ("data", "state", "params") for n in ast.walk(tree)):
        return True
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return bool(names & own) and names <= own | FORMULA_NAMES | HELPERS | BUILTINS


def _lost_sign(report: Report, text: str) -> bool:
    """Whether a text looks as if it had lost its `=`: it reads a loop's or a define's own names, or calls a helper with known ones."""
    own = {*report.loops, *(report.names or ())}
    if not own and "(" not in text:
        return False
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    known = names <= own | {*report.lets, *report.constants, *report.arities} | FORMULA_NAMES | HELPERS | BUILTINS
    calls = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and bool(tree.args) and f"{tree.func.id}(" in text
    return known and (calls or (bool(names & own) and (not isinstance(tree, ast.Name) or report.names is not None)))


def presence(tree: ast.expr) -> ast.expr | None:
    """What an entry with `?` asks: that each path which stands in its formulas is there and not null. None: nothing."""
    tests: dict[str, ast.expr] = {}
    _paths(tree, tests)
    if len(tests) < 2:
        return next(iter(tests.values()), None)
    return ast.BoolOp(ast.And(), list(tests.values()))


def _paths(node: ast.AST, tests: dict[str, ast.expr]) -> None:
    called = node.func if isinstance(node, ast.Call) else None
    if getattr(node, "fsm_optional", False) or isinstance(node, _LOOPS):
        return
    if isinstance(called, ast.Name):
        if called.id in ("has", "coalesce"):
            return
    elif isinstance(called, ast.Attribute):
        _paths(called.value, tests)
    elif isinstance(node, ast.expr) and (found := path_of(node)) is not None:
        base, steps = found
        if steps:
            tests[ast.unparse(node)] = ast.Call(ast.Name("has", ast.Load()), [node], [])
        elif not (isinstance(base, ast.Name) and base.id in FORMULA_NAMES | BUILTINS | HELPERS):
            tests[ast.unparse(node)] = ast.Compare(node, [ast.IsNot()], [ast.Constant(None)])
        return
    for child in ast.iter_child_nodes(node):
        if child is not called:
            _paths(child, tests)


def parse_assigns(report: Report, value: Any, pointer: str) -> tuple[Assign, ...]:
    """The lines of `set`, in document order."""
    lines = []
    given: dict[Any, Any] = report.object(value, pointer, "`set`")
    for name, below in given.items():
        here = step(pointer, name)
        if not isinstance(name, str):
            report.say(117, f"the key {name!r} is no text", here, "quote it")
            continue
        text = name.removesuffix("?")
        path = written_path(report, text, here)
        if path is None:
            continue
        template = parse_template(report, below, here)
        asked = presence(template.tree) if name.endswith("?") and isinstance(template.tree, ast.expr) else None
        guard = None
        if asked is not None:
            guard = report.judge(Code("formula", ast.unparse(ast.fix_missing_locations(asked)), asked, mark=template.mark))
        lines.append(Assign(path, template, text, report.document.mark(here), guard))
    return tuple(lines)


def written_path(report: Report, text: Any, pointer: str) -> tuple[str, ...] | None:
    """The path that a text is, or None and a finding."""
    path = parse_path(text) if isinstance(text, str) else None
    if path is None:
        report.say(112, f"`{text}` is no field name", pointer, "write a name, a.b, or ['a.b']")
    return path


def parse_path(text: str) -> tuple[str, ...] | None:
    """`contact.email` and `['a.b']` as names on the way down; None where the text is no path."""
    names: list[str] = []
    at = 0
    while at < len(text) or text.endswith("."):
        if names and text[at:].startswith("."):
            at += 1
        elif names and not text[at:].startswith("["):
            return None
        match = _STEP.match(text, at)
        if match is None:
            return None
        names.append(next(g for g in match.groups() if g is not None))
        at = match.end()
    return tuple(names) or None


def only_formula(report: Report, value: object, pointer: str) -> Code | None:
    """What is always a formula (`condition` of a require, `switch`): text, booleans too, without `=`."""
    if isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        report.say(112, "a formula is text", pointer)
        return None
    code = parse_formula(report, value, pointer)
    return None if code is None else replace(code, source=value.strip())
