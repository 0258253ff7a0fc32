"""Where the page draws each state and arc: layers from left to right, and a slot of its own for every label and every
arc that passes a layer, so that nothing runs behind a state. Arcs that go back are laid out like the others, turned round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from worker.http.layers import Pair, closing_arcs, layers, neighbours, untangle

STATE_WIDE, STATE_HIGH, LOOP_HIGH = 168, 60, 36
LABEL_WIDE, LABEL_HIGH, COUNT_HIGH, PASS_HIGH = 124, 36, 20, 8
SPACE, PAD, PORT = 10, 12, 11
NARROW_GAP, WIDE_GAP = 28, 90
ARROW = 6
"""A path ends so far before its state: the arrow takes the rest."""
ROUNDS = 24


@dataclass(slots=True)
class Slots:
    """What has a place in a column: states in the even ones, labels in the odd ones, passing arcs in both."""

    columns: list[list[int]] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    state: dict[str, int] = field(default_factory=dict)
    label: dict[Pair, int] = field(default_factory=dict)
    ways: dict[Pair, list[int]] = field(default_factory=dict)  # from left to right, a returning arc's too

    def add(self, column: int, height: float) -> int:
        """A new slot at the end of a column."""
        while len(self.columns) <= column:
            self.columns.append([])
        self.heights.append(height)
        self.columns[column].append(len(self.heights) - 1)
        return len(self.heights) - 1

    @property
    def links(self) -> list[tuple[int, int]]:
        """The pieces of all ways."""
        return [link for way in self.ways.values() for link in pairwise(way)]


def lay_out(graph: Mapping[str, Any]) -> dict[str, Any]:
    """The drawing of a machine's graph, in CSS pixels.

    {"width", "height", "states": {name: [x, y, width, height]}, "arcs": [{"from", "to", "labels", "back", "path", "box"}]}:
    one arc for each pair of states, `path` an SVG path with its arrow at the end, `box` the room for its label.
    """
    names = [s["name"] for s in sorted(graph.get("states", []), key=lambda s: not s.get("is_start"))]
    labels: dict[Pair, list[str]] = {}
    for arc in graph.get("arcs", []):
        if arc["from"] in names and arc["to"] in names:
            labels.setdefault((arc["from"], arc["to"]), []).append(arc.get("label") or "")
    pairs = [pair for pair in labels if pair[0] != pair[1]]
    back = closing_arcs(names, pairs)
    slots = _slots(names, pairs, back, labels)
    slots.columns = untangle(slots.columns, slots.links)
    middles = _middles(slots)
    xs = _columns(slots, middles)
    boxes = {name: _state_box(xs, slots, middles, name) for name in names}
    ports = _ports(slots, middles, boxes)
    arcs = [_arc(pair, labels[pair], pair in back, slots, middles, xs, ports, boxes) for pair in labels]
    low = max((middles[i] + h / 2 for i, h in enumerate(slots.heights)), default=0)
    width = max((xs[i] + _wide(i) for i in range(len(xs))), default=0)
    return {"width": round(width + PAD), "height": round(low + PAD), "states": boxes, "arcs": arcs}


def _slots(names: Sequence[str], pairs: Sequence[Pair], back: set[Pair], labels: Mapping[Pair, Sequence[str]]) -> Slots:
    turned = {pair: pair[::-1] if pair in back else pair for pair in pairs}
    depth = layers(names, list(turned.values()))
    leaving, coming = Counter(left for left, _ in turned.values()), Counter(right for _, right in turned.values())
    slots = Slots()
    for name in names:
        slots.state[name] = slots.add(2 * depth[name], STATE_HIGH + (2 * LOOP_HIGH if (name, name) in labels else 0))
    for pair, (left, right) in turned.items():
        first, last = 2 * depth[left] + 1, 2 * depth[right] - 1
        spot = first if leaving[left] <= coming[right] else last  # where fewer arcs run side by side
        way = [slots.state[left]]
        for column in range(first, last + 1):
            high = PASS_HIGH if column != spot else LABEL_HIGH if any(labels[pair]) else COUNT_HIGH
            way.append(slots.add(column, high))
            if column == spot:
                slots.label[pair] = way[-1]
        slots.ways[pair] = [*way, slots.state[right]]
    return slots


def _middles(slots: Slots) -> list[float]:
    """The middle of each slot: near its neighbours' middles, clear of the slots above and below."""
    before, after = neighbours(slots.links)
    left = {slot: [(other, 1 / len(after[other])) for other in near] for slot, near in before.items()}
    right = {slot: [(other, 1 / len(before[other])) for other in near] for slot, near in after.items()}
    middles = [0.0] * len(slots.heights)
    for column in slots.columns:
        _settle(column, slots.heights, [0.0] * len(column), middles)
    for turn in range(ROUNDS):
        sides = (left, right) if turn >= ROUNDS // 2 else ((left,), (right,))[turn % 2]
        for column in slots.columns if turn % 2 == 0 else slots.columns[::-1]:
            wishes = [_wish(middles, slot, [pull for side in sides for pull in side.get(slot, ())]) for slot in column]
            _settle(column, slots.heights, wishes, middles)
    top = min((middles[i] - h / 2 for i, h in enumerate(slots.heights)), default=0) - PAD
    return [middle - top for middle in middles]


def _wish(middles: Sequence[float], slot: int, near: Sequence[tuple[int, float]]) -> float:
    """Where a slot's neighbours pull it: one that has no other links on that side pulls most, so that fans stay straight."""
    total = sum(weight for _, weight in near)
    return sum(middles[other] * weight for other, weight in near) / total if total else middles[slot]


def _settle(column: Sequence[int], heights: Sequence[float], wishes: Sequence[float], middles: list[float]) -> None:
    """Give each slot of a column its wish as nearly as order and spaces allow (least squares, by pooling neighbours)."""
    offsets = [0.0]
    for above, below in pairwise(column):
        offsets.append(offsets[-1] + (heights[above] + heights[below]) / 2 + SPACE)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            above_total, above_count = pools.pop()
            total, count = total + above_total, count + above_count
        pools.append((total, count))
    shifts = [total / count for total, count in pools for _ in range(count)]
    for slot, shift, offset in zip(column, shifts, offsets, strict=True):
        middles[slot] = shift + offset


def _wide(column: int) -> int:
    return LABEL_WIDE if column % 2 else STATE_WIDE


def _columns(slots: Slots, middles: Sequence[float]) -> list[float]:
    """The left edge of each column; a gap is the wider the steeper what crosses it."""
    column_of = {slot: i for i, column in enumerate(slots.columns) for slot in column}
    steepest = [0.0] * len(slots.columns)
    for left, right in slots.links:
        steepest[column_of[right]] = max(steepest[column_of[right]], abs(middles[left] - middles[right]))
    xs = [float(PAD)]
    for column in range(1, len(slots.columns)):
        gap = min(WIDE_GAP, NARROW_GAP + steepest[column] / 5)
        xs.append(round(xs[-1] + _wide(column - 1) + gap))
    return xs


def _state_box(xs: Sequence[float], slots: Slots, middles: Sequence[float], name: str) -> list[float]:
    slot = slots.state[name]
    column = next(i for i, each in enumerate(slots.columns) if slot in each)
    return [xs[column], round(middles[slot] - STATE_HIGH / 2), STATE_WIDE, STATE_HIGH]


def _ports(slots: Slots, middles: Sequence[float], boxes: Mapping[str, Sequence[float]]) -> dict[tuple[Pair, str], float]:
    """Where each arc meets its states' sides: in the order of where it comes from, so that none cross there."""
    meeting: dict[tuple[str, str], list[tuple[float, Pair]]] = {}
    for pair, way in slots.ways.items():
        left, right = (pair if slots.state[pair[0]] == way[0] else pair[::-1])
        meeting.setdefault((left, "right"), []).append((middles[way[1]], pair))
        meeting.setdefault((right, "left"), []).append((middles[way[-2]], pair))
    ports = {}
    for (name, side), arcs in meeting.items():
        _, y, _, high = boxes[name]
        step = min(PORT, (high - 16) / max(1, len(arcs) - 1))
        for i, (_, pair) in enumerate(sorted(arcs)):
            ports[pair, side] = round(y + high / 2 + (i - (len(arcs) - 1) / 2) * step, 1)
    return ports


def _arc(pair: Pair, labels: Sequence[str], back: bool, slots: Slots, middles: Sequence[float], xs: Sequence[float],
         ports: Mapping[tuple[Pair, str], float], boxes: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    if pair[0] == pair[1]:
        path, box = _loop(boxes[pair[0]])
    else:
        way = slots.ways[pair]
        column = next(i for i, each in enumerate(slots.columns) if way[0] in each)
        points = [(xs[column] + STATE_WIDE, ports[pair, "right"])]
        for i, slot in enumerate(way[1:-1], column + 1):
            points += [(xs[i], middles[slot]), (xs[i] + _wide(i), middles[slot])]
        points.append((xs[column + len(way) - 1], ports[pair, "left"]))
        if back:
            points.reverse()
        points[-1] = points[-1][0] + (ARROW if back else -ARROW), points[-1][1]
        path = _path(points)
        label = slots.label[pair]
        at = column + way.index(label)
        box = [xs[at], round(middles[label] - slots.heights[label] / 2), LABEL_WIDE, round(slots.heights[label])]
    return {"from": pair[0], "to": pair[1], "labels": [text for text in labels if text], "back": back, "path": path, "box": box}


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Curves between columns, straight lines through them."""
    text = f"M{points[0][0]:g} {points[0][1]:g}"
    for i, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        bend = (x1 + x2) / 2
        text += f" L{x2:g} {y2:g}" if i % 2 else f" C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"
    return text


def _loop(box: Sequence[float]) -> tuple[str, list[float]]:
    """A loop on the state's upper edge, its label beside it."""
    x, y = box[0] + 26, box[1]
    return f"M{x - 9:g} {y:g} C{x - 22:g} {y - 32:g} {x + 22:g} {y - 32:g} {x + 9:g} {y - ARROW:g}", [x + 20, y - LOOP_HIGH, LABEL_WIDE - 4, LABEL_HIGH - 4]
