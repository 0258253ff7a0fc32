"""Generated code for one piece of logic: fused into what is around it where that is possible, else called as its author wrote it."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial

from fsm_core.definition import Code, Definition
from fsm_core.definition import State as StateDefinition
from fsm_core.engine.children import Loop, child_fields, child_loop
from fsm_core.engine.finite import Verdict, verdict
from fsm_core.engine.functions import Functions, StateFunction
from fsm_core.engine.fusing import NotFusable, fuse
from fsm_core.engine.inlining import text_of
from fsm_core.engine.language import prepared_tree
from fsm_core.engine.placing import place
from fsm_core.engine.purity import all_codes, constants_of, entry_codes, finite_tables
from fsm_core.engine.reading import build, read
from fsm_core.engine.record import Record
from fsm_core.engine.source import Flow, Source
from fsm_core.engine.updates import become
from fsm_core.expressions.trees import copied


class Logic:
    """Writes pieces of a machine's logic into a source. What it returns last is what is known after that."""

    def __init__(self, source: Source, functions: Functions, definition: Definition) -> None:
        self._source, self._functions, self._definition = source, functions, definition
        self._globals = frozenset(functions.names) - {"__builtins__"}
        self._constants = constants_of(functions, definition)
        self._tables = finite_tables(self._constants, definition)
        source.names.update({f"_c_{name}": self._constants[name] for name in self._tables})
        self._fused: dict[int, ast.expr | NotFusable] = {}
        self.called_codes: list[tuple[str, str]] = []
        self.state = ""

    def fused(self, code: Code, flow: Flow) -> tuple[ast.expr | None, Flow]:
        """The code as an expression over `_d` and what is known here, None if it has to be called."""
        try:
            tree = self._fuse(code)
        except NotFusable as error:
            self.called_codes.append((self.state, str(error)))
            return None, flow
        return place(tree, self._source, flow)

    def children(self, code: Code, unsafe: frozenset[str]) -> dict[str, Verdict] | None:
        """The fields of the objects that a fused list is made of; None where they are not known."""
        try:
            return child_fields(self._fuse(code), unsafe)
        except NotFusable:
            return None

    def loop(self, code: Code) -> Loop | None:
        """The loop that a template of children is, in a machine whose code cannot tell in which order they are made and walk."""
        if not all(other.kind == "formula" or self._fusable(other) for other in all_codes(self._definition)):
            return None
        try:
            return child_loop(self._fuse(code))
        except NotFusable:
            return None

    def opened(self, code: Code, flow: Flow) -> tuple[Loop, str, Flow]:
        """That loop as it reads here, the name of what it goes over, and what is known inside of it."""
        tree, flow = self.fused(code, flow)
        loop = None if tree is None else child_loop(tree)
        assert loop is not None, "asked by `loop`"
        over, flow = read(loop.source, self._source, flow)
        local = self._source.name("t")
        self._source.line(flow, f"{local} = _iter({text_of(over, self._source)})")
        unsafe = frozenset() if verdict(over, flow.record.unsafe) == "safe" else loop.names
        return loop, local, replace(flow, record=replace(flow.record, dirty=flow.record.dirty | unsafe))

    def made(self, loop: Loop, flow: Flow) -> Flow:
        """The record becomes the child of one element, or the loop goes on to the next element."""
        for test in loop.tests:
            text, flow = self.text(test, flow)
            self._source.line(flow, f"if not ({text}): continue")
        return become(list(loop.fields), self._source, flow)

    def require_text(self, here: StateDefinition) -> str | None:
        """What the only `require` of a state says where it is not true; None where that has to be computed."""
        if len(here.requires) != 1:
            return None
        message = here.requires[0].message
        if message is None:
            return here.requires[0].condition.source.strip()
        tree = self._fuse(message) if self._fusable(message) else None
        return tree.value if isinstance(tree, ast.Constant) and isinstance(tree.value, str) else None

    def is_fused(self, here: StateDefinition) -> bool:
        """Nothing that this state does is called as its author wrote it."""
        return all(self._fusable(code) for code in entry_codes(here))

    def _fusable(self, code: Code) -> bool:
        try:
            self._fuse(code)
        except NotFusable:
            return False
        return True

    def _fuse(self, code: Code) -> ast.expr:
        """A copy of the fused expression; `NotFusable` if it is none."""
        known = self._fused.get(id(code))
        if known is None:
            try:
                known = self._made_fused(code)
            except NotFusable as error:
                known = error
            self._fused[id(code)] = known
        if isinstance(known, NotFusable):
            raise NotFusable(str(known))
        return copied(known)

    def _made_fused(self, code: Code) -> ast.expr:
        if code.kind == "callable":
            raise NotFusable(f"`{code.source}` is a function of the host")
        tree = fuse(prepared_tree(code, self._definition), self._globals, code.kind == "formula", code.lets, self._constants)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in self._tables:
                node.id = f"_c_{node.id}"  # called as what holds no NaN is called, so that nobody looks for one
        return tree

    def text(self, tree: ast.expr, flow: Flow, sure: bool = True) -> tuple[str, Flow]:
        """The expression as it is written at this point. `sure`: it is evaluated whatever happens."""
        tree, flow = read(tree, self._source, flow, sure)
        return text_of(tree, self._source), flow

    def value(self, code: Code, flow: Flow) -> tuple[str, Flow]:
        """What a piece of logic gives, as text; the record is afterwards what it was, or what a function that was called left."""
        tree, flow = self.fused(code, flow)
        if tree is not None:
            return self.text(tree, flow)
        call, flow = self.called(self._functions.of(code), flow)
        local = self._source.name("t")
        self._source.line(flow, f"{local} = {call}")
        self.returned(flow)
        return local, replace(flow, record=replace(flow.record, dirty=flow.record.dirty | {local}))

    def called(self, function: StateFunction, flow: Flow) -> tuple[str, Flow]:
        """Call a function as it is. It may keep or change the record, which is ours no longer."""
        flow = self.lend(flow)
        return f"{self._source.hold('f', function)}(_st)", flow

    def lend(self, flow: Flow) -> Flow:
        """Make `_st` show the record as it is now."""
        flow = build(self._source, flow)
        write = partial(self._source.line, flow)
        if flow.lent:
            write("_st.data = _d")
        else:
            fresh = "_st = _State(_d, _meta_of(_i), _now)"
            write(fresh if flow.lent is False else f"if _st is None: {fresh}")
            write("_st.data = _d")
        write(f"_st.message = {ast.unparse(flow.message)}; _st.error = {ast.unparse(flow.error)}")
        if flow.lets:
            write(f"_st.lets = {{{', '.join(f'{name!r}: {ast.unparse(atom)}' for name, atom in flow.lets.items())}}}")
        return replace(flow, lent=True, record=Record(own=False, clean=False, dirty=flow.record.dirty))

    def returned(self, flow: Flow) -> None:
        """The record is what the function that was called left."""
        self._record(flow, "_st.data")

    def _record(self, flow: Flow, text: str) -> None:
        self._source.line(flow, f"_d = {text}")
        self._source.line(flow, "if _d.__class__ is not dict: raise _Unusual")
