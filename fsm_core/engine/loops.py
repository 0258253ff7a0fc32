"""What an expression cannot say in one line, as statements: comprehensions, and branches that hold them.

A comprehension would be a function of its own, and each name that it reads a cell of the whole generated function. What
raises here earlier than in the expression, or where the expression would not have come, is run again by the interpreter.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from fsm_core.engine.finite import verdict
from fsm_core.engine.inlining import text_of
from fsm_core.engine.record import Record
from fsm_core.engine.source import Flow, Source

_Loop = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Loops(ast.NodeTransformer):
    """The half of reading that writes statements. Loop variables have names that nothing else has."""

    _source: Source
    _flow: Flow
    _sure: bool
    record: Record

    def expression(self, node: ast.expr, sure: bool = True) -> ast.expr:
        """The expression over locals; `sure`: it is evaluated whenever what is around it is."""
        raise NotImplementedError

    def doubt(self, *locals_: str) -> None:
        """These may hold a NaN or an infinity."""
        self.record = replace(self.record, dirty=self.record.dirty | set(locals_))

    def _judge(self, tree: ast.expr, *locals_: str) -> None:
        if verdict(tree, self.record.unsafe) != "safe":
            self.doubt(*locals_)

    def _write(self, text: str) -> None:
        self._source.line(self._flow, text)

    def _put(self, local: str, tree: ast.expr) -> None:
        """`local = tree` here."""
        made = self.expression(tree)
        self._write(f"{local} = {text_of(made, self._source)}")
        self._judge(made, local)

    def _inside(self, head: str, local: str, tree: ast.expr) -> None:
        """`local = tree` under a condition: what is read there is known there only."""
        self._write(head)
        before = self._flow, self.record, self._sure
        self._flow, self._sure = self._flow.deeper(), True
        self._put(local, tree)
        dirty = self.record.dirty
        self._flow, self.record, self._sure = before
        self.doubt(*dirty)

    def chain(self, values: list[ast.expr], test: str) -> ast.expr:
        """`and`, `or` and `coalesce`: the next one as long as the test of the one before holds."""
        local = self._source.name("t")
        self._put(local, values[0])
        before = self._flow
        for value in values[1:]:
            self._inside(f"if {test.format(local)}:", local, value)
            self._flow = self._flow.deeper()
        self._flow = before
        return ast.Name(local, ast.Load())

    def fork(self, node: ast.IfExp) -> ast.expr:
        """`a if b else c`."""
        local = self._source.name("t")
        self._inside(f"if {text_of(self.expression(node.test), self._source)}:", local, node.body)
        self._inside("else:", local, node.orelse)
        return ast.Name(local, ast.Load())

    def search(self, loop: ast.GeneratorExp, found: bool) -> ast.expr:
        """`any` and `all`, which stop where they know."""
        local = self._source.name("t")
        self._write(f"{local} = {not found}")
        before = self._open(loop.generators[0])
        test = text_of(self.expression(loop.elt), self._source)
        self._write(f"if {test}:" if found else f"if not ({test}):")
        self._flow = self._flow.deeper()
        self._write(f"{local} = {found}")
        self._write("break")
        self._close(before)
        return ast.Name(local, ast.Load())

    def _open(self, loop: ast.comprehension) -> tuple[Flow, Record, bool]:
        """Write the head of a loop and its conditions."""
        source = self.expression(loop.iter)
        before = self._flow, self.record, self._sure
        self._judge(source, *(n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)))
        self._write(f"for {ast.unparse(loop.target)} in {text_of(source, self._source)}:")
        self._flow, self._sure = self._flow.deeper(), False
        for test in loop.ifs:
            self._write(f"if {text_of(self.expression(test), self._source)}:")
            self._flow = self._flow.deeper()
        return before

    def _close(self, before: tuple[Flow, Record, bool]) -> None:
        dirty = self.record.dirty
        self._flow, self.record, self._sure = before
        self.doubt(*dirty)

    def _made(self, node: _Loop) -> ast.expr:
        local = self._source.name("l")
        self._write(f"{local} = {'{}' if isinstance(node, ast.DictComp) else '[]'}")
        before, *_ = [self._open(loop) for loop in node.generators]
        if isinstance(node, ast.DictComp):
            key, item = self.expression(node.key), self.expression(node.value)
            self._write(f"{local}[{text_of(key, self._source)}] = {text_of(item, self._source)}")
        else:
            item = self.expression(node.elt)
            self._write(f"{local}.append({text_of(item, self._source)})")
        self._judge(item, local)
        self._close(before)
        return ast.Name(local, ast.Load())

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._made(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._made(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._made(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return ast.Call(ast.Name("_set", ast.Load()), [self._made(node)], [])

    def visit_List(self, node: ast.List) -> ast.AST:
        """A list of nothing but one loop is the list that the loop made."""
        match node.elts:
            case [ast.Starred(value=ast.ListComp() as loop)]:
                return self._made(loop)
        return self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """Entries that are there or not are written one after the other."""
        if not any(map(is_optional, node.keys, node.values)):
            return self.generic_visit(node)
        local = self._source.name("t")
        self._write(f"{local} = {{}}")
        for key, value in zip(node.keys, node.values, strict=True):
            if is_optional(key, value):
                self._entries(local, value)
            elif key is None:
                made = self.expression(value)
                self._write(f"{local} = {{**{local}, **{text_of(made, self._source)}}}")
                self._judge(made, local)
            else:
                self._entry(local, key, value)
        return ast.Name(local, ast.Load())

    def _entry(self, local: str, key: ast.expr, value: ast.expr) -> None:
        name, made = self.expression(key), self.expression(value)
        self._write(f"{local}[{text_of(name, self._source)}] = {text_of(made, self._source)}")
        self._judge(made, local)

    def _entries(self, local: str, value: ast.expr) -> None:
        """The items of an optional entry, under its condition."""
        assert isinstance(value, ast.IfExp)
        assert isinstance(value.body, ast.Dict)
        self._write(f"if {text_of(self.expression(value.test), self._source)}:")
        before = self._flow, self.record, self._sure
        self._flow, self._sure = self._flow.deeper(), True
        for key, item in zip(value.body.keys, value.body.values, strict=True):
            assert key is not None, "an optional entry has a name"
            self._entry(local, key, item)
        self._close(before)


def is_optional(key: ast.expr | None, value: ast.expr) -> bool:
    """An item of a dict's text that is there or not: `**({'name': …} if … else {})`."""
    return key is None and isinstance(value, ast.IfExp) and isinstance(value.body, ast.Dict) and (
        bool(value.body.keys) and None not in value.body.keys and isinstance(value.orelse, ast.Dict) and not value.orelse.keys)


def needs_lines(tree: ast.AST) -> bool:
    """The expression is written as statements: loops, and dicts with entries that are there or not."""
    return any(isinstance(node, _Loop) or (isinstance(node, ast.Dict) and any(map(is_optional, node.keys, node.values)))
               for node in ast.walk(tree))
