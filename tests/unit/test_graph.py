"""A machine as a picture: what is in it, and that hostile texts stay texts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from fsm_core import load
from fsm_core.definition import Arc, Catch, Code, Definition, Network, State, Switch, Way
from fsm_core.graph import dot, mermaid, page, shape_of, svg

HOSTILE = '</title><script>alert(1)</script>"\\ |]] &amp; \x07'


def formula(source: str) -> Code:
    """A guard; drawing reads only its text."""
    return Code("formula", source)


def machine() -> Definition:
    """A main network that pushes two others, one of them from two places."""
    states = [
        State("route", is_start=True, description="Looks at the type"),
        State("checked", catches=(Catch(("TimeoutError",), "parked"), Catch((), "rejected")), on_error="rejected"),
        State("output", is_end=True, outcome="output"), State("parked", is_end=True, outcome="output", route="later"),
        State("rejected", is_end=True, outcome="error"), State("ignored", is_end=True, outcome="drop", reason="test"),
        State("score/score", is_start=True, network="score"), State("score/done", is_end=True, returns=True, outcome="output", network="score"),
        State("score/bad", is_end=True, outcome="error", network="score")]
    arcs = (
        Arc("route", "checked", formula("data.kind == 'order'"), description="orders only"),
        Arc("route", "output", switch=Switch(formula("data.type"), {"paid": Way("output", "score"), "x": Way("ignored")}, Way("rejected"))),
        Arc("checked", "ignored", is_else=True), Arc("checked", "parked", formula("data.n > 3"), push="score"),
        Arc("score/score", "score/bad", formula("data.n < 0")), Arc("score/score", "score/done", is_else=True))
    return Definition("Orders", "3", "", "route", {s.name: s for s in states}, arcs, False, description="Orders come in",
                      networks={"main": Network("main", "route"), "score": Network("score", "score/score", "gives points")})


def edges(definition: Definition) -> set[tuple[str, str, str, str]]:
    """Every edge as (kind, from, to, label)."""
    return {(e.kind, e.source, e.target, e.label) for e in shape_of(definition).edges}


def test_every_way_is_an_edge() -> None:
    """Guards and cases are labels; a push enters the network and its returning ends, no others, lead on."""
    assert edges(machine()) == {
        ("arc", "route", "checked", "data.kind == 'order'"), ("push", "route", "score/score", "data.type = paid"),
        ("return", "score/done", "output", ""), ("arc", "route", "ignored", "data.type = x"), ("arc", "route", "rejected", "default"),
        ("arc", "checked", "ignored", "else"), ("push", "checked", "score/score", "data.n > 3"), ("return", "score/done", "parked", ""),
        ("arc", "score/score", "score/bad", "data.n < 0"), ("arc", "score/score", "score/done", "else"),
        ("catch", "checked", "parked", "TimeoutError"), ("catch", "checked", "rejected", "on error")}


def test_arcs_stand_in_the_order_of_trying() -> None:
    """The else of `checked` stands first in the document and last in the picture."""
    labels = [e.label for e in shape_of(machine()).edges if e.source == "checked" and e.kind != "catch"]
    assert labels == ["data.n > 3", "else"]


def test_networks_are_frames() -> None:
    """A cluster of DOT, a subgraph of Mermaid, a group of SVG; the main network has none."""
    shape = shape_of(machine())
    assert [(g.name, len(g.nodes)) for g in shape.groups] == [("", 6), ("score", 3)]
    assert dot(shape).count("subgraph cluster_") == mermaid(shape).count("subgraph ") == svg(shape).count('class="group"') == 1


def test_kinds_of_edges_look_different() -> None:
    """Catches and returns are dashed, pushes thick."""
    text = mermaid(shape_of(machine()))
    assert '-.->|"on error"|' in text
    assert '==>|"data.n #62; 3"|' in text
    drawn = svg(shape_of(machine()))
    assert [drawn.count(f'class="edge {kind}"') for kind in ("arc", "push", "return", "catch")] == [6, 2, 2, 2]


def test_descriptions_are_shown() -> None:
    """Of machine, network, state and arc."""
    text = page(shape_of(machine()))
    assert all(one in text for one in ("Orders come in", "gives points", "Looks at the type", "orders only"))


def test_the_page_asks_for_nothing() -> None:
    """No script, no link but those into itself, and a policy that would refuse others."""
    text = page(shape_of(machine()))
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert all(link.startswith("#") for link in re.findall(r'(?:href|src)="([^"]*)"', text))


def test_svg_has_a_place_for_everything() -> None:
    """It is XML; each state's box lies inside the drawing and no two of them overlap."""
    root = ET.fromstring(svg(shape_of(machine())))
    left, top, wide, high = map(float, root.attrib["viewBox"].split())
    boxes = [[float(node.find("{*}rect").attrib[k]) for k in ("x", "y", "width", "height")]  # type: ignore[union-attr]
             for node in root.iter() if node.attrib.get("class", "").startswith("node")]
    assert len(boxes) == 9
    assert all(left <= x and top <= y and x + w <= left + wide and y + h <= top + high for x, y, w, h in boxes)
    apart = [a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1] for a in boxes for b in boxes if a is not b]
    assert all(apart)


@pytest.mark.parametrize("draw", [page, svg])
def test_hostile_texts_stay_texts(draw: object) -> None:
    """Names, guards and descriptions of a machine are somebody's text, not markup."""
    definition = machine()
    start = replace(definition.states["route"], description=HOSTILE)
    states = {HOSTILE if n == "parked" else n: replace(s, name=HOSTILE) if n == "parked" else s for n, s in definition.states.items()}
    hostile = replace(definition, name=HOSTILE, states={**states, "route": start}, arcs=(Arc("route", HOSTILE, formula(HOSTILE)),))
    hostile = replace(hostile, states={n: replace(s, catches=(), on_error=None) for n, s in hostile.states.items()})
    text = draw(shape_of(hostile))  # type: ignore[operator]
    assert "<script" not in text
    assert "\x07" not in text
    assert "<script" not in mermaid(shape_of(hostile)).partition("flowchart")[2]  # the title before is a YAML text
    if draw is svg:
        ET.fromstring(text)


def test_the_page_tells_all_that_a_state_does() -> None:
    """In the language's order, whatever the document's, each formula as it stands there; lists with loops by their beginning."""
    state = {"name": "in", "is_start": True, "is_end": True, "key": "=data.id", "keep": ["id", "l"], "set": {"a?": "=data.b", "c": "x", "l": [{"=for": "i in data.li", "i": "=i"}]},
             "require": [{"condition": "data.id > 0"}], "functions": {"validate": {"required": ["id"], "types": {"id": "integer"}, "ranges": {"id": [1, None], "n": [0, 9]}}},
             "let": {"t": "=data.id + 1"}, "rename": {"x": "y.z"}, "remove": ["w"], "headers": {"h": 1}}
    (node,) = shape_of(load({"name": "told", "states": [state]}).definition).groups[0].nodes
    assert list(node.details) == [
        "required: id", "id is of type integer", "id is at least 1", "n is from 0 to 9", "let t = data.id + 1", "require data.id > 0", "rename x to y.z", "set a? = data.b",
        'set c = "x"', "set l = [ … ]", "remove w", "keep id, l", "key = data.id", "header h = 1"]
