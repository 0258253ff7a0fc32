"""The demo's worker: `fsm-worker run` as a process of its own, as in production."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from importlib.resources import as_file, files
from typing import IO, Any

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 40.0  # more than the worker's own drain_timeout


class WorkerFailed(Exception):
    """The worker ended, or was not ready in time; the message holds the end of its log."""


class WorkerProcess:
    """A started worker. It leads its own session: Ctrl-C reaches the demo, which then drains the worker itself."""

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, bootstrap: str, port: int) -> WorkerProcess:
        """Start it on the packaged worker.yaml. Its page listens on `port`; 0 is a free one."""
        log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker and goes with it
        with as_file(files("worker.demo")) as folder:
            process = await asyncio.create_subprocess_exec(
                *command(str(folder / "worker.yaml"), bootstrap, port), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True)
        return cls(process, log)

    async def ready(self) -> dict[str, Any]:
        """Its ready line; raises `WorkerFailed`."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_TIMEOUT)
            found: dict[str, Any] = json.loads(line)
        except (TimeoutError, ValueError):
            raise WorkerFailed(f"the worker did not get ready:\n{self.log_tail()}") from None
        return found

    def check(self) -> None:
        """Raise `WorkerFailed` if it has ended by itself."""
        if self._process.returncode is not None:
            raise WorkerFailed(f"the worker ended with exit code {self._process.returncode}:\n{self.log_tail()}")

    async def stop(self) -> int:
        """SIGTERM and its exit code; killed when it takes longer than its drain may."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    def log_tail(self) -> str:
        """The end of what it wrote to stderr."""
        self._log.seek(0)
        return self._log.read()[-4000:].decode(errors="replace").strip() or "(it wrote nothing)"


def command(config: str, bootstrap: str, port: int) -> list[str]:
    """The command line that starts it."""
    return [sys.executable, "-m", "worker", "run", "-c", config, "--json",
            "--set", f"kafka.bootstrap_servers={bootstrap}", "--set", f"http.port={port}"]
