"""A shape as DOT, for Graphviz and what reads its language."""

from __future__ import annotations

from collections.abc import Mapping

from fsm_core.graph.shape import Edge, Node, Shape
from fsm_core.graph.texts import lines_of

_COLOURS = {"output": "#d7f0dd", "error": "#f8d9d6", "drop": "#e8e8e8", "start": "#dbe9fb", "return": "#efe6fb", "state": "#ffffff"}
_STYLES: dict[str, dict[str, str]] = {
    "arc": {}, "push": {"penwidth": "2", "color": "#6b3fa0"}, "return": {"style": "dashed", "color": "#6b3fa0"},
    "catch": {"style": "dashed", "color": "#b3372b"}}


def dot(shape: Shape) -> str:
    """The text of a `digraph`; networks are clusters, pushes thick, returns and catches dashed."""
    title = f"{shape.name} {shape.version}".strip()
    lines = [f"digraph {quoted(shape.name)} {{", "  rankdir=LR", f"  label={quoted(title)}", "  labelloc=t",
             '  node [shape=box style="rounded,filled" fontname="sans-serif" fontsize=11]', '  edge [fontname="sans-serif" fontsize=9]']
    for i, group in enumerate(shape.groups):
        inside = [f"  {quoted(node.name)} {attributes(_node(node))}" for node in group.nodes]
        if group.name:
            lines += [f"  subgraph cluster_{i} {{", f"    label={quoted(group.name)}", f"    tooltip={quoted(group.description)}",
                      *(f"  {line}" for line in inside), "  }"]
        else:
            lines += inside
    lines += [f"  {quoted(edge.source)} -> {quoted(edge.target)} {attributes(_edge(edge))}" for edge in shape.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _node(node: Node) -> dict[str, str]:
    ends = node.kind not in ("start", "state")
    return {"label": "\n".join([node.title, *lines_of(node.description, 34, 3), *node.lines]), "fillcolor": _COLOURS[node.kind],
            "tooltip": node.description or node.name, "peripheries": "2" if ends else "1"}


def _edge(edge: Edge) -> dict[str, str]:
    return {"label": "\n".join(lines_of(edge.label, 30, 4)), "tooltip": edge.description or edge.label, **_STYLES[edge.kind]}


def attributes(values: Mapping[str, str]) -> str:
    """`[a="1" b="2"]`, without those that are empty."""
    return "[" + " ".join(f"{name}={quoted(value)}" for name, value in values.items() if value) + "]"


def quoted(text: str) -> str:
    r"""A DOT string: any text means itself, a line break breaks the line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
