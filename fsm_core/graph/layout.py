"""Where everything stands: Graphviz places boxes of sizes that are computed here, so no font of the machine changes a drawing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fsm_core.graph.dot import attributes
from fsm_core.graph.errors import NoLayout
from fsm_core.graph.shape import Edge, Group, Node, Shape
from fsm_core.graph.texts import lines_of

Point = tuple[float, float]
TITLE_HIGH, LINE_HIGH, PAD = 18, 15, 9
TITLE_WIDE, LINE_WIDE, LABEL_WIDE = 7.6, 6.3, 6.1
"""The room of a character, wide enough for every usual sans-serif face."""
LABEL_CHARS, LABEL_LINES, NODE_CHARS = 30, 4, 32


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, width, height in pixels, from the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawing with its places. `curves` are an edge's Bézier points, the last one its arrow's tip."""

    width: float
    height: float
    nodes: tuple[tuple[Node, Box], ...]
    edges: tuple[tuple[Edge, tuple[Point, ...], Point | None], ...]
    groups: tuple[tuple[Group, Box], ...]


def node_lines(node: Node) -> list[str]:
    """What stands in a node below its title: what it is for, what it does."""
    return [*lines_of(node.description, NODE_CHARS, 2), *(line for text in node.lines for line in lines_of(text, NODE_CHARS, 2))]


def label_lines(edge: Edge) -> list[str]:
    """What stands at an edge."""
    return lines_of(edge.label, LABEL_CHARS, LABEL_LINES)


def place(shape: Shape) -> Placed:
    """The shape, laid out from left to right. `NoLayout` where Graphviz is not installed."""
    try:
        from pygraphviz import AGraph
    except ImportError:
        raise NoLayout from None
    graph = AGraph(string=_boxes(shape))
    try:
        answer = json.loads(graph.draw(format="json0", prog="dot"))
    finally:
        graph.close()
    return _read(shape, answer)


def _boxes(shape: Shape) -> str:
    ids = _ids(shape)
    lines = ["digraph {", "rankdir=LR nodesep=0.3 ranksep=0.45", 'node [shape=box fixedsize=true label=""]']
    for i, group in enumerate(shape.groups):
        inside = [f"{ids[n.name]} {attributes(_size(n))}" for n in group.nodes]
        frame = [f"subgraph cluster_{i} {{ margin=14 label={_room(len(group.name) * TITLE_WIDE, TITLE_HIGH)}", *inside, "}"]
        lines += frame if group.name else inside
    for i, edge in enumerate(shape.edges):
        texts = label_lines(edge)
        label = f" label={_room(max(map(len, texts)) * LABEL_WIDE + PAD, len(texts) * LINE_HIGH + 4)}" if texts else ""
        lines.append(f'{ids[edge.source]} -> {ids[edge.target]} [id="{i}"{label}]')
    return "\n".join([*lines, "}"])


def _ids(shape: Shape) -> dict[str, str]:
    """Names that need no quoting: Graphviz writes control characters into its JSON as they are."""
    return {name: f"s{i}" for i, name in enumerate(node.name for group in shape.groups for node in group.nodes)}


def _size(node: Node) -> dict[str, str]:
    lines = node_lines(node)
    width = max([len(node.title) * TITLE_WIDE, *(len(line) * LINE_WIDE for line in lines)]) + 2 * PAD
    height = TITLE_HIGH + LINE_HIGH * len(lines) + 2 * PAD
    return {"width": f"{max(width, 72) / 72:.3f}", "height": f"{height / 72:.3f}"}


def _room(width: float, height: float) -> str:
    """An empty label of a size; Graphviz asks no font for it."""
    return f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{round(width)}" HEIGHT="{round(height)}"><TR><TD></TD></TR></TABLE>>'


def _read(shape: Shape, answer: dict[str, Any]) -> Placed:
    _, _, width, height = _numbers(answer["bb"])

    def flipped(text: str) -> Point:
        x, y = _numbers(text)
        return x, round(height - y, 1)

    ids, objects = _ids(shape), {item["name"]: item for item in answer.get("objects", ())}
    nodes = []
    for node in (n for group in shape.groups for n in group.nodes):
        item = objects[ids[node.name]]
        (x, y), wide, high = flipped(item["pos"]), 72 * float(item["width"]), 72 * float(item["height"])
        nodes.append((node, Box(round(x - wide / 2, 1), round(y - high / 2, 1), round(wide, 1), round(high, 1))))
    groups = []
    for i, group in enumerate(shape.groups):
        if group.name:
            left, low, right, top = _numbers(objects[f"cluster_{i}"]["bb"])
            groups.append((group, Box(left, round(height - top, 1), round(right - left, 1), round(top - low, 1))))
    edges = []
    for item in sorted(answer.get("edges", ()), key=lambda item: int(item["id"])):
        tip, *points = item["pos"].removeprefix("e,").split(" ")
        curve = tuple(flipped(point) for point in (*points, tip))
        edges.append((shape.edges[int(item["id"])], curve, flipped(item["lp"]) if "lp" in item else None))
    return Placed(width, height, tuple(nodes), tuple(edges), tuple(groups))


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]
