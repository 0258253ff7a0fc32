"""A shape as SVG that stands for itself: its colours follow the reader's light or dark scheme, every text is whole in a tooltip."""

from __future__ import annotations

from collections.abc import Iterator

from fsm_core.graph.layout import (
    LABEL_WIDE,
    LINE_HIGH,
    PAD,
    TITLE_HIGH,
    Box,
    Placed,
    Point,
    label_lines,
    node_lines,
    place,
)
from fsm_core.graph.shape import Edge, Group, Node, Shape
from fsm_core.graph.texts import shown

MARGIN = 16
STYLE = """
.fsm { --ink: #1d2530; --soft: #5b6675; --paper: #ffffff; --line: #8a94a3; --frame: #f5f6f8; --push: #6b3fa0; --catch: #b3372b;
  --start: #dbe9fb; --state: #ffffff; --output: #d7f0dd; --error: #f8d9d6; --drop: #e6e8eb; --return: #ece2fa;
  background: var(--paper); font: 11px "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
@media (prefers-color-scheme: dark) { .fsm { --ink: #e8edf4; --soft: #a9b4c2; --paper: #14181f; --line: #76808f; --frame: #1b212a; --push: #b492e6;
  --catch: #ee8479; --start: #1f3a5f; --state: #222a35; --output: #1d4a2d; --error: #5c2620; --drop: #343b45; --return: #3d2d57 } }
.fsm text { fill: var(--ink) } .fsm .title { font-size: 13px; font-weight: 600 } .fsm .soft { fill: var(--soft) }
.fsm .node rect { stroke: var(--line) } .fsm .start > rect { stroke-width: 2.2 }
.fsm .group > rect { fill: var(--frame); stroke: var(--line) }
.fsm path { fill: none; stroke: var(--line); stroke-width: 1.3 } .fsm .push path { stroke: var(--push); stroke-width: 2.4 }
.fsm .return path { stroke: var(--push); stroke-dasharray: 6 4 } .fsm .catch path { stroke: var(--catch); stroke-dasharray: 4 3 }
.fsm .catch text { fill: var(--catch) } .fsm .label { fill: var(--paper); opacity: .82; stroke: none }
.fsm marker path { stroke: none; fill: var(--line) } .fsm .tip-push, .fsm .tip-return { fill: var(--push) } .fsm .tip-catch { fill: var(--catch) }
.fsm marker path.tip-push, .fsm marker path.tip-return { fill: var(--push) } .fsm marker path.tip-catch { fill: var(--catch) }
.fsm .edge:hover path { stroke-width: 3 } .fsm a { cursor: pointer }
"""
_KINDS = ("arc", "push", "return", "catch")


def svg(shape: Shape) -> str:
    """The text of an SVG document."""
    return drawn(shape, place(shape), "")


def drawn(shape: Shape, placed: Placed, link: str) -> str:
    """The SVG element. `link` is what goes before a state's name in the address that a click on it opens; empty: no links."""
    wide, high = round(placed.width + 2 * MARGIN), round(placed.height + 2 * MARGIN)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="fsm" viewBox="{-MARGIN} {-MARGIN} {wide} {high}" width="{wide}" height="{high}" '
             f'style="min-width:{wide * 3 // 4}px" role="img" aria-label="{shown(shape.name)}">', f"<style>{STYLE}</style>", "<defs>"]
    parts += [f'<marker id="fsm-{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
              f'orient="auto"><path class="tip-{kind}" d="M0 0.6 L8 4 L0 7.4 z"/></marker>' for kind in _KINDS]
    parts += ["</defs>", *(_group(group, box) for group, box in placed.groups)]
    parts += [_path(edge, curve) for edge, curve, _ in placed.edges]
    parts += [_label(edge, at) for edge, _, at in placed.edges if at is not None]
    parts += [_node(node, box, link) for node, box in placed.nodes]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _group(group: Group, box: Box) -> str:
    return (f'<g class="group"><title>{shown(group.description or group.name)}</title>{_rect(box, 10)}'
            f'<text class="title soft" x="{box.x + 12:g}" y="{box.y + 20:g}">{shown(group.name)}</text></g>')


def _path(edge: Edge, curve: tuple[Point, ...]) -> str:
    start, *rest = curve
    bends = " ".join(f"{x:g} {y:g}" for x, y in rest[:-1])
    tip = f"L{rest[-1][0]:g} {rest[-1][1]:g}"
    return (f'<g class="edge {edge.kind}"><title>{shown(_whole(edge))}</title>'
            f'<path d="M{start[0]:g} {start[1]:g} C{bends} {tip}" marker-end="url(#fsm-{edge.kind})"/></g>')


def _label(edge: Edge, at: Point) -> str:
    lines = label_lines(edge)
    wide, high = max(map(len, lines)) * LABEL_WIDE, len(lines) * LINE_HIGH
    top = at[1] - high / 2
    rows = "".join(f'<text x="{at[0]:g}" y="{top + LINE_HIGH * i + 11:g}" text-anchor="middle">{shown(line)}</text>' for i, line in enumerate(lines))
    back = f'<rect class="label" x="{at[0] - wide / 2:g}" y="{top:g}" width="{wide:g}" height="{high:g}" rx="3"/>'
    return f'<g class="{edge.kind}"><title>{shown(_whole(edge))}</title>{back}{rows}</g>'


def _whole(edge: Edge) -> str:
    parts = [f"{edge.source} → {edge.target}", edge.label, edge.description]
    return "\n".join(part for part in parts if part)


def _node(node: Node, box: Box, link: str) -> str:
    rows = [f'<text class="title" x="{box.x + PAD:g}" y="{box.y + PAD + 12:g}">{shown(node.title)}</text>']
    for i, line in enumerate(node_lines(node)):
        rows.append(f'<text class="soft" x="{box.x + PAD:g}" y="{box.y + PAD + TITLE_HIGH + LINE_HIGH * i + 10:g}">{shown(line)}</text>')
    ends = node.kind not in ("start", "state")
    inside = f"<title>{shown(chr(10).join(_said(node)))}</title>{_rect(box, 16 if ends else 7, node.kind)}{''.join(rows)}"
    body = f'<a href="{shown(link + node.name)}">{inside}</a>' if link else inside
    return f'<g class="node{" start" if node.is_start else ""}">{body}</g>'


def _said(node: Node) -> Iterator[str]:
    yield node.name
    if node.description:
        yield node.description
    yield from node.lines


def _rect(box: Box, radius: float, fill: str = "") -> str:
    style = f' style="fill:var(--{fill})"' if fill else ""
    return f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="{radius:g}"{style}/>'
