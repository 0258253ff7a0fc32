"""What the page is made of, as far as no browser is needed: the drawing, the samples, the second event, the document."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from fsm_core import load
from tests.unit.fake_view import GRAPH, FakeView, busy_view
from worker.http import events
from worker.http.layout import ARROW, lay_out
from worker.http.page import SCRIPTS, load_page
from worker.http.server import HttpServer
from worker.machines import machine_view
from worker.telemetry.live import InFlightLimits, Live
from worker.telemetry.snapshot import status

LIMITS = InFlightLimits(5000, 1 << 24, 0.5)


@dataclass
class Clock:
    """A clock that stands."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def live(view: FakeView, clock: Clock) -> Live:
    return Live(view, LIMITS, clock, lambda: 1000 + clock.now)


def test_rates_of_states_arcs_and_failures() -> None:
    """A state's, an arc's and a state's failures' rate is what happened in the last ten seconds; the first sample knows none."""
    view, clock = busy_view(), Clock()
    view.counters.failures["review"] = 3
    made = live(view, clock)
    first = made.tick()
    assert set(first["states"].values()) == {0.0} and first["sample"] is None
    clock.now = 2
    view.counters.states["scored"] += 10
    view.counters.arcs["intake", "scored"] += 20
    view.counters.failures["review"] += 1
    view.counters.consumed["orders", 0] += 40
    now = made.tick()
    assert now["states"]["scored"] == 5.0
    assert {"from": "intake", "to": "scored", "rate": 10.0} in now["arcs"]
    assert now["failures"] == {"review": {"count": 4, "rate": 0.5}}
    assert (now["sample"]["t"], now["sample"]["consumed"], now["sample"]["lag"]) == (1002, 20.0, 60)
    assert (now["breaker"], now["unready"]) == ("closed", None)


def test_history_is_five_minutes() -> None:
    """The samples of the last five minutes are kept, not more, and asking twice in one moment makes one."""
    view, clock = busy_view(), Clock()
    made = live(view, clock)
    for second in range(1000):
        clock.now = second
        made.tick()
        made.tick()
    history = made.background()["history"]
    assert [each["t"] for each in history] == [float(t) for t in range(1699, 2000)]
    assert made.background()["limits"] == {"records": 5000, "bytes": 1 << 24, "resume_ratio": 0.5}


def test_the_start_is_left_and_returning_arcs_are_told() -> None:
    """The way is from left to right; an arc against it is marked, and arrives at the right edge of its target."""
    drawn = lay_out(GRAPH)
    states = drawn["states"]
    assert min(states, key=lambda name: states[name][0]) == "intake"
    assert [(a["from"], a["to"]) for a in drawn["arcs"] if a["back"]] == [("review", "scored")]
    back = next(a for a in drawn["arcs"] if a["back"])
    assert re.search(rf" {states['scored'][0] + states['scored'][2] + ARROW:g} [\d.]+$", back["path"])


@pytest.mark.parametrize(("shape", "wide", "high"), [("fan", 1200, 2200), ("chain", 10500, 200)])
def test_thirty_states(shape: str, wide: int, high: int) -> None:
    """Thirty states side by side or in a row take the room they need, in little time."""
    names = ["start", *(f"kind_{i}" for i in range(28)), "done"]
    pairs = [(a, b) for n in names[1:-1] for a, b in (("start", n), (n, "done"))] if shape == "fan" else list(pairwise(names))
    drawn = lay_out({"states": [{"name": n} for n in names], "arcs": [{"from": a, "to": b, "label": ""} for a, b in pairs]})
    assert drawn["width"] < wide and drawn["height"] < high


def test_the_way_of_a_caught_error_is_an_arc() -> None:
    """`on_error` is a way that records take and is counted as one: the graph has it."""
    definition = load({"name": "n", "main_network": "main", "networks": [{"name": "main", "states": [
        {"name": "a", "is_start": True, "set": {"x": "=data.y"}, "on_error": "bad"},
        {"name": "good", "is_end": True}, {"name": "bad", "is_end": True, "outcome": "error"}], "arcs": [{"from": "a", "to": "good"}]}]}).definition
    assert machine_view(definition).graph["arcs"] == [
        {"from": "a", "to": "good", "label": ""}, {"from": "a", "to": "bad", "label": "on error"}]


@dataclass(frozen=True)
class Config:
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""


def test_the_second_event_and_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is the unnamed event, as always; `page` follows it; /graph holds what is needed once."""
    monkeypatch.setattr(events.Events.__init__, "__defaults__", (0.05, 2))

    async def scenario() -> tuple[list[bytes], dict[str, Any]]:
        view = busy_view()
        server = HttpServer(view, Config(), status=lambda: status(view), exposition=lambda: b"", live=Live(view, LIMITS))
        await server.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
                async with client.get("/events") as answer:
                    frames = [await answer.content.readuntil(b"\n\n") for _ in range(4)]
                async with client.get("/graph") as answer:
                    return frames, await answer.json()
        finally:
            await server.stop()

    frames, graph = asyncio.run(asyncio.wait_for(scenario(), 20))
    assert [json.loads(frames[i].removeprefix(b"data: "))["state"] for i in (0, 2)] == ["running"] * 2
    name, retry, data = frames[1].strip().split(b"\n")
    assert (name, retry) == (b"event: page", b"retry: 1000")
    assert json.loads(data.removeprefix(b"data: "))["breaker"] == "closed"
    assert list(graph) == ["digest", "graph", "layout", "limits", "history"]


def test_the_document_is_whole_and_accessible() -> None:
    """Every element the scripts ask for exists; tables have captions and scopes, the state is announced, what scrolls takes the focus."""
    html = load_page().html
    ids = set(re.findall(r'\bid="([\w-]+)"', html))
    assert set(re.findall(r'\$\("([\w-]+)"\)', html)) <= ids
    assert html.count("<table>") == html.count("<caption>")
    assert not re.search(r"<th(?! scope)(?!ead)", html)
    assert re.search(r'id="state"[^>]* aria-live="polite"', html)
    assert all('tabindex="0"' in tag and "aria-label" in tag for tag in re.findall(r'<div[^>]*class="scroll[^>]*>', html))
    assert {"<main", "<header", '<html lang="en"'} <= set(re.findall(r'<main|<header|<html lang="en"', html))


def test_scripts_write_text_only() -> None:
    """What comes from records cannot become markup: no script builds any, and none runs text."""
    folder = files("worker.http") / "static"
    for name in SCRIPTS:
        text = (folder / name).read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|\beval\b|new Function|setAttribute\(\"on|\.href|\.src\b", text), name
        assert len(text.splitlines()) <= 250, name
        assert max(body.count("\n") for body in re.findall(r"^function .*?^}", text, re.M | re.S)) <= 40, name
