"""Server-sent events: one ticker makes the status once a second, every client gets the newest it can take.

The status is the unnamed event. What only our page wants comes after it as the event `page`, which others never see.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

MAX_CLIENTS = 32
WRITE_TIMEOUT_S = 10.0


class Events:
    """The `/events` route. A slow client skips events, a stuck one is dropped, one too many is answered 503."""

    def __init__(
        self, render: Callable[[], bytes], interval: float = 1.0, max_clients: int = MAX_CLIENTS, *, more: Callable[[], bytes] | None = None,
    ) -> None:
        self._render_status = render
        self._render_more = more
        self._interval = interval
        self._max_clients = max_clients
        self._clients = 0
        self._latest: bytes | None = None
        self._next = asyncio.Event()
        self._closed = False
        self._ticker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the ticker. It runs without clients too: the rates are sampled by it."""
        self._ticker = asyncio.create_task(self._tick(), name="http-events")

    async def stop(self) -> None:
        """Stop the ticker and let every client go."""
        self._closed = True
        self._wake()
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one client until it leaves or the server stops."""
        if self._clients >= self._max_clients:
            return web.Response(status=503, text="too many event clients\n", headers={"Retry-After": "5"})
        self._clients += 1
        try:
            return await self._stream(request)
        finally:
            self._clients -= 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={
            "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
        })
        await response.prepare(request)
        payload = self._latest or self._render()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while not self._closed:
                coming = self._next
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await response.write(payload)
                await coming.wait()
                payload = self._latest or payload
        return response

    def _render(self) -> bytes:
        status = b"data: " + self._render_status() + b"\n\n"
        if self._render_more is None:
            return status
        return status + b"event: page\nretry: 1000\ndata: " + self._render_more() + b"\n\n"

    async def _tick(self) -> None:
        while True:
            try:
                self._latest = self._render()
            except Exception:  # noqa: BLE001 - a status that fails once must not end the page for good; /status shows why
                self._latest = None
            self._wake()
            await asyncio.sleep(self._interval)

    def _wake(self) -> None:
        self._next.set()
        self._next = asyncio.Event()
