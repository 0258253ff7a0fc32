"""One run of the broker's Java process: started, tied to our life, awaited, ended by its pid."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from worker.embedded.errors import BrokerFailed
from worker.embedded.ports import kafka_answers

_TAIL_BYTES = 4000
# Reads until our end of the pipe closes, which a SIGKILL of ours does too; then nothing of the broker stays behind.
_WATCHDOG = 'read -r _; kill -9 "$1" 2>/dev/null; if [ -n "$2" ]; then sleep 1; rm -rf "$2"; fi'


class BrokerProcess:
    """A running broker. It leads its own session, so Ctrl-C reaches us first and we decide when it ends."""

    def __init__(self, command: Sequence[str], log: Path, temporary: Path | None) -> None:
        self._log = log
        with log.open("ab") as sink:
            self._broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)
        watch = ["sh", "-c", _WATCHDOG, "watchdog", str(self._broker.pid), str(temporary or "")]
        self._watchdog = subprocess.Popen(
            watch, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def pid(self) -> int:
        return self._broker.pid

    @property
    def alive(self) -> bool:
        return self._broker.poll() is None

    def await_answer(self, port: int, timeout: float) -> None:
        """Returns when the broker answers on `port`; raises `BrokerFailed` when it ends, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.alive:
                raise BrokerFailed(f"the broker ended with exit code {self._broker.returncode}", log_tail(self._log))
            if kafka_answers(port):
                return
            time.sleep(0.05)
        raise BrokerFailed(f"the broker did not answer on port {port} within {timeout:.0f} s", log_tail(self._log))

    def terminate(self, patience: float) -> None:
        """SIGTERM, and SIGKILL after `patience` seconds; returns when the process is gone."""
        self._broker.terminate()
        try:
            self._broker.wait(patience)
        except subprocess.TimeoutExpired:
            self._broker.kill()
        self._reap()

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self._broker.kill()
        self._reap()

    def _reap(self) -> None:
        self._broker.wait()
        self._watchdog.kill()
        self._watchdog.wait()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()


def log_tail(log: Path) -> str:
    """The end of the broker's log, for an error message."""
    if not log.exists():
        return ""
    return log.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace").strip()
