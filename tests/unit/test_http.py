"""The HTTP port: each route, the controls behind the token, and the page that names no other address."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import typer
from typer.testing import CliRunner

from tests.unit.fake_view import FakeView, busy_view
from worker.cli.health import health
from worker.http import events
from worker.http.errors import CannotListen, PortTaken
from worker.http.page import load_page
from worker.http.server import HttpServer
from worker.telemetry.snapshot import status


@dataclass(frozen=True)
class Config:
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""


@asynccontextmanager
async def serving(view: FakeView, config: Config | None = None, **more: Any) -> AsyncIterator[tuple[HttpServer, aiohttp.ClientSession]]:
    server = HttpServer(view, config or Config(), status=lambda: status(view), exposition=lambda: b"a_metric 1\n", **more)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield server, client
    finally:
        await server.stop()


def run(scenario: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


async def code(client: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with client.get(path) as answer:
        return answer.status, await answer.text()


def test_livez_is_the_heartbeat_only() -> None:
    """/livez fails when the loop stands still for 30 s, and not because the worker is unready, paused or halted."""
    async def scenario() -> None:
        view = FakeView(state="draining", unready="draining")
        async with serving(view) as (_, client):
            assert (await code(client, "/livez"))[0] == 200
            view.heartbeat = time.monotonic() - 31
            assert (await code(client, "/livez"))[0] == 503
    run(scenario)


def test_readyz_says_why_not() -> None:
    """/readyz is the view's word, with the reason as its text."""
    async def scenario() -> None:
        view = FakeView()
        async with serving(view) as (_, client):
            assert await code(client, "/readyz") == (200, "ok\n")
            view.unready = "no partition is assigned"
            assert await code(client, "/readyz") == (503, "no partition is assigned\n")
    run(scenario)


def test_metrics_status_and_graph() -> None:
    """/metrics is the exposition as it is, /status the document, /graph what the page draws."""
    async def scenario() -> None:
        async with serving(busy_view()) as (_, client):
            async with client.get("/metrics") as answer:
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                assert await answer.read() == b"a_metric 1\n"
            assert json.loads((await code(client, "/status"))[1])["totals"]["consumed"] == 1050
            assert json.loads((await code(client, "/graph"))[1])["graph"]["states"][0]["name"] == "intake"
    run(scenario)


def test_events_stream_the_status() -> None:
    """/events sends the status, again each second, as it is then."""
    async def scenario() -> None:
        view = busy_view()
        async with serving(view) as (_, client), client.get("/events") as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            assert json.loads((await answer.content.readuntil(b"\n\n"))[6:])["state"] == "running"
            view.state = "draining"
            while json.loads((await answer.content.readuntil(b"\n\n"))[6:])["state"] != "draining":
                pass
    run(scenario)


def test_event_clients_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One client too many is answered 503; a place is free again once a client has left."""
    monkeypatch.setattr(events.Events.__init__, "__defaults__", (0.05, 2))

    async def scenario() -> None:
        async with serving(FakeView()) as (_, client):
            first, second = await client.get("/events"), await client.get("/events")
            assert (await code(client, "/events"))[0] == 503
            first.close()
            second.close()
            for _ in range(100):
                async with client.get("/events") as again:
                    if again.status == 200:
                        return
                await asyncio.sleep(0.02)
            raise AssertionError("no place became free")
    run(scenario)


def test_stop_does_not_wait_for_event_clients() -> None:
    """Open pages do not hold up a drain."""
    async def scenario() -> None:
        async with serving(FakeView()) as (server, client):
            answer = await client.get("/events")
            began = time.monotonic()
            await server.stop()
            assert time.monotonic() - began < 2
            answer.close()
    run(scenario)


def test_a_status_that_raises_once_does_not_end_the_events() -> None:
    """The page comes back by itself."""
    async def scenario() -> None:
        failing = [True]

        def render() -> bytes:
            if failing[0]:
                raise RuntimeError
            return b"{}"

        made = events.Events(render, interval=0.01)
        made.start()
        await asyncio.sleep(0.05)
        failing[0] = False
        await asyncio.sleep(0.05)
        assert made._latest == b"data: {}\n\n"
        await made.stop()
    run(scenario)


def test_controls_are_absent_without_a_token() -> None:
    """No token, no control: 404."""
    async def scenario() -> None:
        async with serving(FakeView(), controls={"pause": lambda: None}) as (_, client):
            for name in ("pause", "resume", "reload"):
                async with client.post(f"/{name}") as answer:
                    assert answer.status == 404
    run(scenario)


def test_controls_need_the_token() -> None:
    """A control runs with the token only; one that refuses is 409 with its words; GET never runs one."""
    calls: list[str] = []

    async def reload() -> None:
        raise ValueError("the new machine has no start state")

    async def scenario() -> None:
        controls = {"pause": lambda: calls.append("pause"), "reload": reload}
        async with serving(FakeView(), Config(token="s3cret"), controls=controls) as (_, client):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}, {"Authorization": "Bearer s3cret\u00e9"}):
                async with client.post("/pause", headers=headers) as answer:
                    assert answer.status == 401
            assert (await code(client, "/pause"))[0] == 405
            assert calls == []
            good = {"Authorization": "Bearer s3cret"}
            async with client.post("/pause", headers=good) as answer:
                assert (answer.status, calls) == (200, ["pause"])
            async with client.post("/reload", headers=good) as answer:
                assert (answer.status, (await answer.json())["error"]) == (409, "the new machine has no start state")
    run(scenario)


def test_a_taken_port_is_named() -> None:
    """A taken port is an error of its own that says what to do; an address that is not ours is another."""
    async def scenario() -> None:
        async with serving(FakeView()) as (server, _):
            with pytest.raises(PortTaken, match=f"{server.port}.*http.port"):
                async with serving(FakeView(), Config(port=server.port)):
                    pass
        with pytest.raises(CannotListen):
            async with serving(FakeView(), Config(host="192.0.2.1")):
                pass
    run(scenario)


def test_the_page_names_no_address_and_builds_no_html() -> None:
    """The page is self-contained, its policy lets no other script run, and record text can reach textContent only."""
    page = load_page()
    assert set(re.findall(r"https?://[^\"' ]+", page.html)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|\bon\w+=\"", page.html)
    assert "default-src 'none'" in page.policy and "unsafe" not in page.policy
    assert "/*S" not in page.html


@contextmanager
def background(view: FakeView) -> Iterator[int]:
    """A server in a thread of its own, for the blocking client."""
    import threading

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = HttpServer(view, Config(), status=lambda: status(view), exposition=lambda: b"")
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
    try:
        yield server.port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def test_health() -> None:
    """health exits 0 when what was asked for holds, and 1 when it does not or nobody answers."""
    app = typer.Typer()
    app.command()(health)
    ask = lambda *words: CliRunner().invoke(app, list(words))  # noqa: E731 - a name for a call
    view = FakeView(unready="draining")
    with background(view) as port:
        assert ask("--port", str(port), "--live").exit_code == 0
        refused = ask("--url", f"http://127.0.0.1:{port}/", "--json")
        assert refused.exit_code == 1
        answer = json.loads(refused.stdout)
        assert (answer["ok"], answer["live"]["ok"], answer["ready"]) == (False, True, {"ok": False, "message": "draining"})
        view.unready = None
        assert ask("--port", str(port)).exit_code == 0
    gone = ask("--port", str(port), "--live")
    assert gone.exit_code == 1 and "cannot be reached" in gone.stdout
