"""The live page as an operator sees it: a real worker on a real Kafka, in a real Chromium."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import MakePage, Watched
from tests.conftest import MakeTopic
from tests.kafka.outside import Fed, feed
from tests.kafka.worker_process import WorkerProcess, worker
from tests.unit.fake_view import FakeView, lane
from worker.embedded.ports import free_port
from worker.embedded.provider import Broker
from worker.http.server import HttpServer
from worker.runtime.observation import MachineView
from worker.telemetry.live import InFlightLimits, Live
from worker.telemetry.snapshot import Rates, status

HOSTILE = "<img src=x onerror=document.title=666>"
MACHINE: dict[str, Any] = {"name": "Numbers", "main_network": "main", "networks": [{"name": "main", "states": [
    {"name": "start", "is_start": True}, {"name": "counted", "set": {"n": "=int(data.n)"}},
    {"name": "done", "is_end": True}, {"name": HOSTILE, "is_end": True}, {"name": "refused", "is_end": True, "outcome": "error"}], "arcs": [
    {"from": "start", "to": "refused", "condition": "coalesce(data.bad, False)"}, {"from": "start", "to": "counted", "else": True},
    {"from": "counted", "to": HOSTILE, "condition": "data.n < 10"}, {"from": "counted", "to": "done", "else": True}]}]}


@dataclass
class Case:
    """A worker's configuration over topics of its own, always on the same port."""

    folder: Path
    bootstrap: str
    source: str
    config: dict[str, Any]

    def feed(self, *values: object) -> None:
        """Records with these `n`."""
        feed(self.bootstrap, self.source, (Fed(b"k", json.dumps({"n": n}).encode()) for n in values))

    @contextmanager
    def running(self) -> Iterator[WorkerProcess]:
        """The worker, ready."""
        with worker(self.folder, self.config) as process:
            process.ready()
            yield process


@pytest.fixture
def case(chromium: Any, kafka: Broker, make_topic: MakeTopic, tmp_path: Path) -> Case:
    """The browser first: without one no Kafka is started."""
    source, out, dead = make_topic(2, name="page.in"), make_topic(name="page.out"), make_topic(name="page.dlq", config={"max.message.bytes": "2097152"})
    return Case(tmp_path, kafka.bootstrap, source, {
        "name": "page", "machine": MACHINE, "kafka": {"bootstrap_servers": kafka.bootstrap, "group_id": source}, "input": {"topics": [source]},
        "output": {"topic": out}, "dead_letter": {"topic": dead, "breaker": {"action": "off"}}, "http": {"host": "127.0.0.1", "port": free_port()}})


def settled(seen: Watched, text: str, selector: str) -> None:
    """Wait until an element holds this text."""
    seen.page.locator(selector).filter(has_text=text).first.wait_for(timeout=20_000)


def test_counts_move(case: Case, open_page: MakePage) -> None:
    """Records that pass while somebody looks are on states, arcs, partitions and rates a moment later."""
    with case.running() as process:
        seen = open_page(process.http)
        settled(seen, "running", "#state")
        case.feed(*range(100))
        settled(seen, "100 ·", ".node.start")
        case.feed(*range(60))
        settled(seen, "160 ·", ".node.start")
        settled(seen, "140 ·", ".node:has-text('done')")
        settled(seen, "140 ·", ".label")
        assert seen.number("#tiles .tile small") == 160
        assert seen.page.locator(".line.hot").count() >= 2
        assert seen.page.locator("#partitions tr").count() == 2
        settled(seen, "2 assigned, 0 records behind", "#parts-sum")
        seen.page.get_by_text("The graph as a table").click()
        settled(seen, "160", "#flows tr")
        seen.shot("worker-light")
        assert process.stop() == 0


def test_hostile_text_is_inert(case: Case, open_page: MakePage) -> None:
    """Markup in a record's text, in a state's name: it is shown as text, nowhere made into an element."""
    with case.running() as process:
        seen = open_page(process.http, scheme="dark")
        settled(seen, "running", "#state")
        case.feed(HOSTILE, 3)
        settled(seen, HOSTILE, "#errors code")
        settled(seen, "1 failed", ".node.failing")
        settled(seen, "transform", "#dead tr")
        assert seen.page.locator("#errors li").first.inner_text().count(f"{case.source}:") == 1
        seen.page.get_by_text("The graph as a table").click()
        settled(seen, HOSTILE, "#flows th")
        seen.shot("worker-dark-hostile")
        assert seen.page.locator("img, script:not(:last-of-type), iframe, object").count() == 0
        assert seen.page.title() == "page · running"
        assert process.stop() == 0


def test_recovers_after_a_restart(case: Case, open_page: MakePage) -> None:
    """While the worker is away the page says so and keeps its numbers; when it is back the page goes on by itself."""
    with case.running() as process:
        seen = open_page(process.http)
        case.feed(*range(50))
        settled(seen, "50 ·", ".node.start")
        assert process.stop() == 0
    settled(seen, "connection lost", "#state")
    settled(seen, "No answer from the worker since", "#lost")
    assert seen.page.title().startswith("connection lost")
    settled(seen, "50 ·", ".node.start")
    seen.shot("worker-lost")
    with case.running() as process:
        settled(seen, "running", "#state")
        assert seen.page.locator("#lost").is_hidden()
        case.feed(*range(7))
        settled(seen, "7 ·", ".node.start")
        settled(seen, "7 in all", "#tiles .tile")
        assert process.stop() == 0


def fan(states: int) -> dict[str, Any]:
    """A dispatcher: one state, many beside one another, two ends, a way back."""
    names = [f"handle_a_rather_long_kind_of_event_{i}" for i in range(states)]
    made = [{"name": n, "is_start": n == "switch", "is_end": n in ("output", "unknown"), "outcome": {"output": "output", "unknown": "error"}.get(n)}
            for n in ("switch", *names, "output", "unknown")]
    arcs = [arc for n in names for arc in ({"from": "switch", "to": n, "label": f"data.type == '{n}'"}, {"from": n, "to": "output", "label": ""})]
    return {"states": made, "arcs": [*arcs, {"from": "switch", "to": "unknown", "label": "else"}, {"from": names[0], "to": "switch", "label": "again"}]}


@contextmanager
def fake_worker(view: FakeView) -> Iterator[str]:
    """The HTTP port of a view, in a thread of its own; its address."""
    class Config:
        host, port, token = "127.0.0.1", 0, ""

    loop, rates = asyncio.new_event_loop(), Rates[str]()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = HttpServer(view, Config(), status=lambda: status(view, rates), exposition=lambda: b"", live=Live(view, InFlightLimits(5000, 1 << 24, 0.5)))
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def large_view() -> FakeView:
    """Fifty partitions, some paused, on a machine of 31 states."""
    view = FakeView(machine=MachineView("dispatch", "1", "d", 0.0, fan(28)))
    view.lanes = [lane(i, "a.topic.with.a.name.that.is.rather.long", in_flight=i * 101, paused=("backpressure",) if i == 49 else ()) for i in range(50)]
    view.counters.states["switch"] = 1000
    return view


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("light", 360)])
def test_large_and_narrow(open_page: MakePage, scheme: str, width: int) -> None:
    """Thirty states and fifty partitions fit a wide and a narrow window: the page itself never scrolls sideways."""
    with fake_worker(large_view()) as url:
        seen = open_page(url, width, scheme)
        settled(seen, "1,000 ·", ".node.start")
        seen.shot(f"large-{scheme}-{width}")
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.page.locator("#partitions tr").count() == 50
        assert seen.page.locator(".badge", has_text="backpressure").count() == 1
        assert seen.page.locator("#partitions .bar i").nth(25).evaluate("bar => bar.style.width") == "50.5%"  # 2525 of 5000


def test_keyboard_and_screen_reader(open_page: MakePage) -> None:
    """Landmarks and tables have names, the state is announced, and the keyboard reaches what scrolls and opens."""
    with fake_worker(large_view()) as url:
        seen = open_page(url)
        page = seen.page
        settled(seen, "1,000 ·", ".node.start")
        for role, name in (("main", None), ("banner", None), ("region", "Partitions"), ("region", "Machine"), ("table", "Dead letters by reason"),
                           ("table", "Each assigned partition, its lag and what is in flight")):
            assert page.get_by_role(role, name=name, exact=True).count() == 1, (role, name)
        assert page.get_by_role("rowheader", name=re.compile(r"rather\.long ?:49$")).count() == 1
        assert page.get_by_role("status").first.inner_text() == "running"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        reached = []
        for _ in range(5):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName + document.activeElement.className"))
        assert reached == ["graph", "SUMMARY", "DIVscroll tall", "hold", "DIVscroll tall"]


def test_two_machines_one_after_another(open_page: MakePage) -> None:
    """A reload is seen: the new machine's graph takes the old one's place."""
    view = FakeView()
    with fake_worker(view) as url:
        seen = open_page(url)
        settled(seen, "review", ".node")
        view.machine = MachineView("other", "9", "other", 0.0, fan(2))
        settled(seen, "switch", ".node")
        assert seen.page.locator(".node").count() == 5
        settled(seen, "other 9", "#machine")
