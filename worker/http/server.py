"""The worker's one HTTP port: probes, metrics, status, the live page and, with a token, three controls."""

from __future__ import annotations

import asyncio
import errno
import hmac
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from worker.http.errors import CannotListen, PortTaken
from worker.http.events import Events
from worker.http.layout import lay_out
from worker.http.page import load_page
from worker.runtime.observation import WorkerView

HEARTBEAT_LIMIT_S = 30.0
CONTROLS = ("pause", "resume", "reload")
SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

Control = Callable[[], Awaitable[object] | object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpConfig(Protocol):
    """The part of the configuration's `http` section that is read here. An empty token turns the controls off."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def token(self) -> str: ...


class Live(Protocol):
    """What the page shows beyond the status: sampled once a second, and the limits and the last minutes once a page."""

    def tick(self) -> Mapping[str, Any]: ...
    def background(self) -> Mapping[str, Any]: ...


class HttpServer:
    """Serves one worker.

    `status` and `exposition` make what /status and /metrics answer. `controls` maps pause, resume and reload to what
    does it; one that raises is answered 409 with its message. Without `live` the page shows counts and no rates by state.
    """

    def __init__(
        self, view: WorkerView, config: HttpConfig, *,
        status: Callable[[], Mapping[str, Any]], exposition: Callable[[], bytes],
        controls: Mapping[str, Control] | None = None, clock: Callable[[], float] = time.monotonic, live: Live | None = None,
    ) -> None:
        self._view = view
        self._config = config
        self._status = status
        self._exposition = exposition
        self._controls = controls or {}
        self._clock = clock
        self._live = live
        self._events = Events(self._status_json, more=(lambda: _encode(live.tick())) if live else None)
        self._drawn: tuple[str, dict[str, Any]] | None = None
        self._runner: web.AppRunner | None = None
        self._page = load_page()

    @property
    def port(self) -> int:
        """The port it listens on; the configured one before `start`."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else self._config.port

    async def start(self) -> None:
        """Listen. Raises PortTaken if another process has the port, CannotListen for any other refusal."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0, handle_signals=False)
        await runner.setup()
        host, port = self._config.host, self._config.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host, port) from error
            raise CannotListen(host, port, error.strerror or str(error)) from error
        self._runner = runner
        self._events.start()

    async def stop(self) -> None:
        """Let event clients go and close the port. May be called twice, and before `start`."""
        await self._events.stop()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=1024)
        routes: dict[str, Handler] = {
            "/": self._get_page, "/livez": self._get_livez, "/readyz": self._get_readyz, "/metrics": self._get_metrics,
            "/status": self._get_status, "/graph": self._get_graph, "/events": self._events.serve,
        }
        for path, handler in routes.items():
            application.router.add_get(path, handler, allow_head=path != "/events")
        if self._config.token:
            for name in CONTROLS:
                if name in self._controls:
                    application.router.add_post(f"/{name}", self._guarded(self._controls[name]))
        application.on_response_prepare.append(_add_safe_headers)
        return application

    async def _get_page(self, _: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": self._page.policy}
        return web.Response(text=self._page.html, content_type="text/html", headers=headers)

    async def _get_livez(self, _: web.Request) -> web.Response:
        age = self._clock() - self._view.heartbeat
        if age < HEARTBEAT_LIMIT_S:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"the loop made no progress for {age:.0f} s\n")

    async def _get_readyz(self, _: web.Request) -> web.Response:
        why = self._view.unready
        return web.Response(text="ok\n") if why is None else web.Response(status=503, text=f"{why}\n")

    async def _get_metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._exposition(), headers=headers)

    async def _get_status(self, _: web.Request) -> web.Response:
        return web.Response(body=self._status_json(), content_type="application/json")

    async def _get_graph(self, _: web.Request) -> web.Response:
        machine = self._view.machine
        if self._drawn is None or self._drawn[0] != machine.digest:
            self._drawn = machine.digest, await asyncio.to_thread(lay_out, machine.graph)  # a large machine takes a while
        background = self._live.background() if self._live else {}
        return _json({"digest": machine.digest, "graph": machine.graph, "layout": self._drawn[1], **background})

    def _status_json(self) -> bytes:
        return _encode(self._status())

    def _guarded(self, control: Control) -> Handler:
        expected = f"Bearer {self._config.token}".encode()

        async def handle(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, expected):
                return web.Response(status=401, text="the token is missing or wrong\n", headers={"WWW-Authenticate": "Bearer"})
            try:
                result = control()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001 - whatever the control refuses with is the caller's answer
                return _json({"ok": False, "error": str(error)}, status=409)
            return _json({"ok": True, "state": self._view.state})

        return handle


async def _add_safe_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)


def _json(document: object, status: int = 200) -> web.Response:
    return web.Response(body=_encode(document), content_type="application/json", status=status)


def _encode(document: object) -> bytes:
    """ASCII JSON on one line: it carries lone surrogates of hostile error texts, and fits an event."""
    return json.dumps(document, default=str, separators=(",", ":")).encode()
