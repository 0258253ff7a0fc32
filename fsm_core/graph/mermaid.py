"""A shape as a Mermaid flowchart, for documents and issues that draw it themselves."""

from __future__ import annotations

from fsm_core.graph.shape import Edge, Node, Shape
from fsm_core.graph.texts import lines_of, printable

_SHAPES = {"start": ('(["', '"])'), "state": ('["', '"]'), "return": ('(["', '"])')}
_END = ('(["', '"])')
_ARROWS = {"arc": "-->", "push": "==>", "return": "-.->", "catch": "-.->"}
_COLOURS = {"output": "#d7f0dd", "error": "#f8d9d6", "drop": "#e8e8e8", "start": "#dbe9fb", "return": "#efe6fb"}


def mermaid(shape: Shape) -> str:
    """The text of a `flowchart`; pushes are thick, returns and catches dashed."""
    names = {node.name: f"s{i}" for i, node in enumerate(n for group in shape.groups for n in group.nodes)}
    title = f"{shape.name} {shape.version}".strip()
    lines = ["---", f"title: {_quoted(title)}", "---", "flowchart LR"]
    for i, group in enumerate(shape.groups):
        inside = [f"{names[node.name]}{_box(node)}" for node in group.nodes]
        if group.name:
            lines += [f'  subgraph n{i}["{_escaped(group.name)}"]', *(f"    {line}" for line in inside), "  end"]
        else:
            lines += [f"  {line}" for line in inside]
    lines += [f"  {names[edge.source]} {_arrow(edge)} {names[edge.target]}" for edge in shape.edges]
    for kind, colour in _COLOURS.items():
        of_kind = [names[n.name] for group in shape.groups for n in group.nodes if n.kind == kind]
        if of_kind:
            lines += [f"  classDef {kind} fill:{colour},stroke:#888,color:#222", f"  class {','.join(of_kind)} {kind}"]
    return "\n".join(lines) + "\n"


def _box(node: Node) -> str:
    opening, closing = _SHAPES.get(node.kind, _END)
    text = [f"<b>{_escaped(node.title)}</b>", *(f"<small>{_escaped(line)}</small>" for line in (*lines_of(node.description, 34, 3), *node.lines))]
    return opening + "<br/>".join(text) + closing


def _arrow(edge: Edge) -> str:
    label = edge.label if edge.kind != "return" else "return"
    shown = "<br/>".join(map(_escaped, lines_of(label, 30, 4)))
    return f'{_ARROWS[edge.kind]}|"{shown}"|' if shown else _ARROWS[edge.kind]


def _escaped(text: str) -> str:
    """Mermaid's own entities: every character that it, HTML or Markdown gives a meaning (a number and a dot at the start is a list)."""
    return "".join(f"#{ord(ch)};" if ch in '"#<>&`*_\\[]{}|;~$' else ch for ch in printable(text)).replace(". ", "#46; ")


def _quoted(text: str) -> str:
    return '"' + printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
