"""Names that mean something else at each place (`let`s, `state.meta`, `state.error`, `state.message`) as what they are here."""

from __future__ import annotations

import ast
from dataclasses import replace

from fsm_core.engine.fusing import PLACES, let_name
from fsm_core.engine.source import Flow, Source


def place(tree: ast.expr, source: Source, flow: Flow) -> tuple[ast.expr, Flow]:
    """The expression with atoms for those names; the tree may be changed."""
    placing = _Placing({let_name(name): atom for name, atom in flow.lets.items()} | {
        PLACES["error"]: flow.error, PLACES["message"]: flow.message, PLACES["meta"]: ast.Name("_origin", ast.Load())})
    made = placing.visit(tree)
    assert isinstance(made, ast.expr)
    if placing.meta and not flow.meta:
        source.line(flow, "_origin = _fields_of(_meta_of(_i)())")
        flow = replace(flow, meta=True)
    return made, flow


class _Placing(ast.NodeTransformer):
    def __init__(self, atoms: dict[str, ast.expr]) -> None:
        self._atoms = atoms
        self.meta = False

    def visit_Name(self, node: ast.Name) -> ast.AST:
        self.meta = self.meta or node.id == PLACES["meta"]
        return self._atoms.get(node.id, node)
