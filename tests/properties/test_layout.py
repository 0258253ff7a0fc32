"""The page's drawing of any machine: nothing covers anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from worker.http.layers import closing_arcs, layers
from worker.http.layout import ARROW, lay_out

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Any arcs between up to fourteen states: loops, twins, islands, arcs from nowhere."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 14)))]
    ends = st.sampled_from([*names, "nowhere"] if draw(st.booleans()) else names)
    arcs = draw(st.lists(st.tuples(ends, ends, st.sampled_from(["", "when"])), max_size=30))
    start = draw(st.integers(0, len(names) - 1))
    return {"states": [{"name": n, "is_start": i == start} for i, n in enumerate(names)],
            "arcs": [{"from": a, "to": b, "label": label} for a, b, label in arcs]}


def points(path: str) -> Iterator[Point]:
    """Many points along an SVG path of M, L and C."""
    here: Point = (0, 0)
    for kind, text in re.findall(r"([MLC])([^MLC]*)", path):
        n = [float(each) for each in text.split()]
        steps = [here, *zip(n[::2], n[1::2], strict=True)]
        for i in range(21):
            t = i / 20
            curve = steps if kind == "C" else [here, here, steps[-1], steps[-1]] if kind == "L" else [steps[-1]] * 4
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3)
            yield tuple(sum(w * p[axis] for w, p in zip(weights, curve, strict=True)) for axis in (0, 1))  # type: ignore[misc]
        here = steps[-1]


def inside(point: Point, box: Box, margin: float = 0.6) -> bool:
    """Within the box, its edge not counted; boxes are rounded to whole pixels."""
    x, y, wide, high = box
    return x + margin < point[0] < x + wide - margin and y + margin < point[1] < y + high - margin


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return all(a[i] + a[i + 2] > b[i] + 1 and b[i] + b[i + 2] > a[i] + 1 for i in (0, 1))


@settings(max_examples=examples(50), deadline=None)
@given(graphs())
def test_nothing_runs_behind_a_state(graph: dict[str, Any]) -> None:
    """No arc, also none that goes back, passes a state or another arc's label; states and labels lie apart and within the drawing."""
    drawn = lay_out(graph)
    states = list(drawn["states"].values())
    boxes = [*states, *(arc["box"] for arc in drawn["arcs"])]
    assert not [(a, b) for a, b in combinations(boxes, 2) if overlap(a, b)]
    for arc in drawn["arcs"]:
        others = [box for box in boxes if box != arc["box"]]
        assert not [(arc, p, box) for p in points(arc["path"]) for box in others if inside(p, box)]
    assert all(x >= 0 and y >= 0 and x + w <= drawn["width"] and y + h <= drawn["height"] for x, y, w, h in boxes)


@given(graphs())
def test_every_state_and_pair_is_drawn_once(graph: dict[str, Any]) -> None:
    """Each state has a place, each pair of known states one arc from the one's edge to the other's, whatever joins them."""
    drawn = lay_out(graph)
    names = {s["name"] for s in graph["states"]}
    assert set(drawn["states"]) == names
    pairs = [(arc["from"], arc["to"]) for arc in drawn["arcs"]]
    assert sorted(pairs) == sorted({(a["from"], a["to"]) for a in graph["arcs"] if {a["from"], a["to"]} <= names})
    for arc in drawn["arcs"]:
        *_, last = way = list(points(arc["path"]))
        for point, name in ((way[0], arc["from"]), (last, arc["to"])):
            x, y, wide, high = drawn["states"][name]
            room = ARROW if point is last else 0
            assert (point[0] in (x - room, x + wide + room) and y < point[1] < y + high) or (point[1] == y - room and x < point[0] < x + wide)


@given(graphs())
def test_layers_go_forward(graph: dict[str, Any]) -> None:
    """Without the arcs that close a loop, every arc leads to a later layer."""
    names = [s["name"] for s in graph["states"]]
    pairs = [(a["from"], a["to"]) for a in graph["arcs"] if {a["from"], a["to"]} <= set(names) and a["from"] != a["to"]]
    closing = closing_arcs(names, pairs)
    forward = sorted({p for p in pairs if p not in closing} | {p[::-1] for p in closing})
    depth = layers(names, forward)
    assert all(depth[a] < depth[b] for a, b in forward)
