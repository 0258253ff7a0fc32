"""A TCP proxy between clients and a broker whose network is bad on demand: slow, narrow, cut, or silent.

Silent is half-open: connections stay, nothing comes through, neither side is told. A kept proxy (Toxiproxy) would be a binary that no
package of the lock brings; this is what the tests need of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from worker.embedded.kafka import EmbeddedKafka

T = TypeVar("T")
_CHUNK = 1 << 14
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: closing sends a reset


@dataclass(frozen=True)
class Weather:
    """`delay` seconds each way; `rate` bytes a second, a connection and direction, 0 for no limit; `silent` lets nothing through."""

    delay: float = 0.0
    rate: float = 0.0
    silent: bool = False


class Proxy:
    """Runs in a thread of its own; every method may be called from any other. `connections` counts those that were ever made."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._weather = Weather()
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._dead: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.connections = 0

    @property
    def bootstrap(self) -> str:
        """Where clients go."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set(self, weather: Weather) -> None:
        """From now on, for connections that are open too. What was silent once stays so: its packets are lost; `cut` ends it."""
        self._call(lambda: self._set(weather))

    def cut(self) -> int:
        """Reset every connection, in both directions; how many there were."""
        return self._call(self._cut)

    def _call(self, verb: Callable[[], T]) -> T:
        async def call() -> T:
            return verb()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    def _set(self, weather: Weather) -> None:
        self._weather = weather
        if weather.silent:
            self._dead.update(w for pair in self._pairs.values() for w in pair)

    def _cut(self) -> int:
        for pair in self._pairs.values():
            for writer in pair:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
        for task in self._pairs:
            task.cancel()
        return len(self._pairs)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port, limit=_CHUNK)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._pairs)
        self._cut()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._pairs[task] = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_CHUNK)
            self._pairs[task].append(far_writer)
            if self._weather.silent:
                self._dead.update((writer, far_writer))
            await self._both(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the broker is away, or the connection was cut: the client sees its end
        finally:
            for each in self._pairs.pop(task):
                self._dead.discard(each)
                each.transport.abort()

    async def _both(self, *ways: Coroutine[None, None, None]) -> None:
        """Until one of them ends; then the other is of no use."""
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction: what is read at a moment is written a delay later, in order, no faster than the rate."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - self._loop.time())
                if self._weather.rate:
                    await asyncio.sleep(len(data) / self._weather.rate)
                if writer not in self._dead:
                    writer.write(data)
                    await writer.drain()
                if not data:
                    return

        async def collect() -> None:
            while data := await reader.read(_CHUNK):
                await queue.put((self._loop.time() + self._weather.delay, data))
            if writer not in self._dead:
                await queue.put((0, b""))
            await asyncio.Event().wait()  # what is queued is delivered; a silent connection has no end before it is cut

        await self._both(deliver(), collect())


Network = tuple["EmbeddedKafka", Proxy]
"""The broker for who is not disturbed, and the way to it for who is."""
