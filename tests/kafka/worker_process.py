"""The worker as a process of its own, as in production: started, waited for, asked over HTTP, stopped by its pid."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from ruamel.yaml import YAML

from worker.embedded.ports import free_port

READY_SECONDS = 40.0
STOP_SECONDS = 40.0
ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], Any], seconds: float, what: str, worker: WorkerProcess | None = None) -> Any:
    """The condition's first true answer; fails after so many seconds, or at once when the worker has ended."""
    deadline, turn = time.monotonic() + seconds, threading.Event()
    while not (answer := condition()):
        if worker is not None and worker.process.poll() is not None:
            pytest.fail(f"the worker ended with {worker.process.returncode} before {what}:\n{worker.tail()}")
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}\n{worker.tail() if worker else ''}")
        turn.wait(0.05)
    return answer


class WorkerProcess:
    """`python -m worker run -c FILE --json`, its stderr collected."""

    def __init__(self, config: Path) -> None:
        command = [sys.executable, "-m", "worker", "run", "-c", str(config), "--json"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.errors: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self.http: str = ""
        assert self.process.stdout and self.process.stderr
        self._threads = [threading.Thread(target=_drain, args=(stream, put), daemon=True)
                         for stream, put in ((self.process.stdout, self._lines.put), (self.process.stderr, self.errors.append))]
        for thread in self._threads:
            thread.start()

    def ready(self, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """Its ready line."""
        try:
            line: dict[str, Any] = json.loads(until(lambda: not self._lines.empty() and self._lines.get(), seconds, "the ready line", self))
        except ValueError:
            pytest.fail(f"the first line on stdout is no JSON:\n{self.tail()}")
        self.http = line["http"]
        return line

    def signal(self, number: int) -> None:
        """Send a signal to this one process."""
        os.kill(self.process.pid, number)

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code of a worker that ends by itself."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the worker did not end within {seconds:g} s:\n{self.tail()}")
        for thread in self._threads:
            thread.join(5)
        return code

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(self.http + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def status(self) -> dict[str, Any]:
        """What /status says."""
        return json.loads(self.get("/status")[1])  # type: ignore[no-any-return]

    def tail(self) -> str:
        """The end of what it wrote to stderr."""
        return "".join(self.errors[-40:])


def _drain(stream: IO[str], put: Callable[[str], Any]) -> None:
    with stream:
        for line in stream:
            put(line)


@contextlib.contextmanager
def worker(folder: Path, config: dict[str, Any]) -> Iterator[WorkerProcess]:
    """A started worker on this configuration; whatever happens it is gone afterwards."""
    config = {"http": {"host": "127.0.0.1", "port": free_port()}, "log": {"level": "info", "format": "json"}, **config}
    file = folder / "worker.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump(config, out)
    process = WorkerProcess(file)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait(10)
