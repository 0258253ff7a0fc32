"""A real Apache Kafka from pip packages: one node, started and stopped from Python."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from worker.embedded.errors import BrokerFailed, EmbeddedKafkaError
from worker.embedded.jars import kafka_jars
from worker.embedded.java import find_java
from worker.embedded.ports import free_port, is_free
from worker.embedded.process import BrokerProcess, log_tail
from worker.embedded.settings import server_properties

START_TIMEOUT = 90.0
STOP_PATIENCE = 15.0
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Djava.awt.headless=true")


class EmbeddedKafka:
    """One broker on the loopback address; it dies with this process.

    `data_dir` None means a temporary directory, removed by `stop()`; a given one is kept and found again by the next
    start. `port` None or 0 means a free one, kept over restarts. `doors` are further ports to listen on, each with the port that
    clients are told to come back to: a proxy's, which they could not be kept behind otherwise. All methods block; none is safe
    to call from two threads.
    """

    def __init__(self, data_dir: Path | None = None, port: int | None = None, heap: str = "512m", doors: Mapping[int, int] | None = None) -> None:
        self._wanted_data_dir = Path(data_dir).resolve() if data_dir else None
        self._data_dir = self._wanted_data_dir
        self._port = port or 0
        self._heap = heap
        self._doors = dict(doors or {})
        self._process: BrokerProcess | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; raises `EmbeddedKafkaError` before the first start unless a port was given."""
        if not self._port:
            raise EmbeddedKafkaError("the embedded Kafka has no address before start()")
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self._process and self._process.alive else None

    @property
    def log_path(self) -> Path | None:
        """The broker's log, from start() on."""
        return self._data_dir / "broker.log" if self._data_dir else None

    def start(self) -> EmbeddedKafka:
        """Starts the broker and returns when it answers; does nothing while it runs."""
        if self.pid is not None:
            return self
        if self._process is not None:
            self._process.kill()  # it died by itself: reap it and its watchdog
        self._port = self._port or free_port()
        if not is_free(self._port):
            raise EmbeddedKafkaError(f"port {self._port} is taken: give another one, or none")
        data_dir = self._make_data_dir()
        try:
            self._launch(data_dir)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stops the broker and removes a temporary data directory; does nothing when there is none."""
        if self._process is not None:
            if self._temporary is None:
                self._process.terminate(STOP_PATIENCE)
            else:
                self._process.kill()  # nobody will read this data again
            self._process = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._data_dir = None

    def await_end(self) -> BrokerFailed:
        """Blocks until the broker ends without our doing, and says how; the caller decides what that means."""
        while self.pid is not None:
            time.sleep(0.2)
        log = self.log_path
        return BrokerFailed("the broker ended by itself", log_tail(log) if log else "")

    def kill(self) -> None:
        """SIGKILL; data and port are kept for `start()` or `restart()`."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        """Stops the broker in good order if it runs, and starts it on the same port and data."""
        if self._process is not None:
            self._process.terminate(STOP_PATIENCE)
            self._process = None
        self.start()

    def __enter__(self) -> EmbeddedKafka:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def _temporary(self) -> Path | None:
        return None if self._wanted_data_dir else self._data_dir

    def _make_data_dir(self) -> Path:
        if self._data_dir is None:
            self._data_dir = Path(tempfile.mkdtemp(prefix="fsm-kafka-"))
        self._data_dir.mkdir(parents=True, exist_ok=True)
        return self._data_dir

    def _launch(self, data_dir: Path) -> None:
        properties = data_dir / "server.properties"
        properties.write_text(server_properties(data_dir, self._port, free_port(), self._doors), encoding="utf-8")
        java = [str(find_java()), f"-Xmx{self._heap}", *_QUICK, "-Dlog4j2.level=WARN"]
        java += ["-cp", os.pathsep.join(str(jar) for jar in kafka_jars())]
        log = data_dir / "broker.log"
        if not (data_dir / "log" / "meta.properties").exists():
            _format(java, properties, log)
        self._process = BrokerProcess([*java, "kafka.Kafka", str(properties)], log, self._temporary)
        self._process.await_answer(self._port, START_TIMEOUT)


def _format(java: list[str], properties: Path, log: Path) -> None:
    """Gives the data directory its cluster id, as KRaft demands before the first start."""
    cluster_id = base64.urlsafe_b64encode(b"\x10" + uuid.uuid4().bytes[1:]).decode().rstrip("=")  # never a leading dash
    command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
    with log.open("ab") as sink:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=False)
    if done.returncode:
        raise BrokerFailed(f"formatting {properties.parent} ended with exit code {done.returncode}", log_tail(log))
