"""What the chaos tests share: topics, workers as processes, and a steady feed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient

from tests.conftest import create_topic
from worker.embedded.kafka import EmbeddedKafka
from worker.embedded.ports import free_port
from worker.embedded.process import log_tail

PASS_ON = {"name": "chaos", "main_network": "main", "networks": [{
    "name": "main", "states": [{"name": "start", "is_start": True}, {"name": "done", "is_end": True}], "arcs": [{"from": "start", "to": "done"}]}]}
ROOT = Path(__file__).parents[2]
SESSION_SECONDS = 6.0  # the least a broker grants by default
ALERT_SECONDS = 2.0
ROOMY = {"max.message.bytes": "1100000"}


def await_true(what: str, condition: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    """The condition's first true value; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(every)
    return found


def configuration(path: Path, bootstrap: str, topics: Topics, **sections: Mapping[str, Any]) -> Path:
    """A worker file in `path`; `sections` are merged into the sections of these names."""
    document: dict[str, Any] = {
        "machine": PASS_ON, "kafka": {"bootstrap_servers": bootstrap, "group_id": topics.group, "consumer": {"session_timeout_ms": int(SESSION_SECONDS * 1000)}},
        "input": {"topics": [topics.input]}, "output": {"topic": topics.output}, "dead_letter": {"topic": topics.dead},
        "http": {"host": "127.0.0.1"}, "log": {"level": "info", "format": "json"}}
    for name, section in sections.items():
        document[name] = {**document.get(name, {}), **section}
    file = path / "worker.yaml"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def alert(path: Path, bootstrap: str, topics: Topics, guarantee: str = "exactly_once", **sections: Mapping[str, Any]) -> Path:
    """A worker file whose group notices a death soon."""
    consumer = {"session_timeout_ms": int(ALERT_SECONDS * 1000), "heartbeat_interval_ms": 300}
    return configuration(path, bootstrap, topics, delivery={"guarantee": guarantee}, chunk={"max_records": 50}, kafka={
        "bootstrap_servers": bootstrap, "group_id": topics.group, "consumer": consumer}, **sections)


@dataclass(frozen=True)
class Topics:
    """The topics of one test, and its group."""

    input: str
    output: str
    dead: str

    @property
    def group(self) -> str:
        """A name nobody else has."""
        return f"g.{self.input}"


def three_topics(bootstrap: str, partitions: int, out: Mapping[str, str] | None = None) -> Topics:
    """Input, output (with settings of its own), dead letters."""
    return Topics(create_topic(bootstrap, partitions, name="in"), create_topic(bootstrap, partitions, out, "out"), create_topic(bootstrap, 1, ROOMY, "dlq"))


class Worker:
    """`python -m worker run` as a process; started again under the same name after a kill."""

    def __init__(self, config: Path, name: str = "w", tree: Path = ROOT) -> None:
        self._config, self._log, self._tree = config, config.parent / f"{name}.log", tree
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, crash: str = "", weaken: str = "", patience: float = 0) -> Worker:
        """Launch it; `ready` waits. `crash`, `weaken` and `patience` as `tests.chaos.crashing` reads them; by default from our own environment."""
        told = {name: value for name, value in (("FSM_CRASH", crash), ("FSM_WEAKEN", weaken), ("FSM_PATIENCE", str(patience or ""))) if value}
        environment = {**os.environ, "PYTHONPATH": str(self._tree), **told}
        module = "tests.chaos.crashing" if any(environment.get(name) for name in ("FSM_CRASH", "FSM_WEAKEN", "FSM_PATIENCE")) else "worker"
        command = [sys.executable, "-m", module, "run", "-c", str(self._config), "--json", "--set", f"http.port={self.port}"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self._tree, env=environment)
        return self

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        assert self.process is not None
        return self.process.poll()

    def ready(self, seconds: float = 40) -> Worker:
        """Wait until it is ready: joined, every partition positioned."""
        await_true(f"ready\n{self.log()}", lambda: self.code is not None or self.get("/readyz")[0] == 200, seconds)
        assert self.code is None, self.log()
        return self

    def send(self, number: signal.Signals) -> None:
        """A signal to the process alone."""
        if self.code is None:
            assert self.process is not None
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL and reap."""
        self.send(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)

    def terminate(self, seconds: float = 40) -> int:
        """SIGTERM, and its exit code."""
        self.send(signal.SIGTERM)
        assert self.process is not None
        return self.process.wait(seconds)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an answer; 0 while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    @property
    def held(self) -> int:
        """How many partitions it has."""
        return len(self.status().get("partitions", ()))

    def status(self) -> dict[str, Any]:
        """/status, empty while it does not answer."""
        code, text = self.get("/status")
        return json.loads(text) if code == 200 else {}

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.get("/metrics")[1].splitlines() if line.startswith((f"{name} ", f"{name}{{")))

    def log(self, most: int = 4000) -> str:
        """The end of what it wrote; all of it for 0."""
        return self._log.read_bytes()[-most:].decode(errors="replace") if self._log.exists() else ""


@contextmanager
def workers(*members: Worker, patience: float = 0) -> Iterator[tuple[Worker, ...]]:
    """Starts them, and leaves none behind."""
    try:
        for member in members:
            member.start(patience=patience)
        yield members
    finally:
        for member in members:
            if member.process is not None:
                member.send(signal.SIGCONT)
                member.kill()


class Feed:
    """Records `{"k": key, "n": 0, 1, 2…}` at a steady rate from a thread; a key stays on one partition."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, rate: int, keys: int = 20, seed: int = 1) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 120_000})
        self._topic, self._partitions, self._rate, self._keys = topic, partitions, rate, keys
        self._random = random.Random(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.failed: list[str] = []
        self.sent: Counter[int] = Counter()

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def put(self, count: int) -> None:
        """So many records now."""
        for _ in range(count):
            key = self._random.randrange(self._keys)
            value = json.dumps({"k": key, "n": self.sent[key]}).encode()
            self._producer.produce(self._topic, value, str(key), key % self._partitions, self._delivered)
            self.sent[key] += 1
        self._producer.poll(0)

    def _delivered(self, error: object, _message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))

    def _run(self) -> None:
        started, done = time.monotonic(), 0
        while not self._end.wait(0.02):
            due = int((time.monotonic() - started) * self._rate) - done
            self.put(due)
            done += due

    def stop(self) -> Counter[int]:
        """End, with everything acknowledged; how many records of each key there are."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        left = self._producer.flush(120)
        assert not left and not self.failed, (left, self.failed[:3])
        return self.sent


def await_leaders(broker: EmbeddedKafka, topics: Topics, seconds: float = 90) -> None:
    """Wait until every partition has a leader: a broker that never gets so far is no fault of the worker's, and shows its log."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})

    def leaderless() -> list[str]:
        known = admin.list_topics(timeout=20).topics
        return [f"{name}:{n}" for name in (topics.input, topics.output, topics.dead) for n, p in known[name].partitions.items() if p.leader < 0]

    try:
        await_true("leaders", lambda: not leaderless(), seconds, 0.5)
    except AssertionError as error:
        assert broker.log_path is not None
        raise AssertionError(f"the broker has no leader for {leaderless()} after {seconds:g} s; its log ends so:\n{log_tail(broker.log_path)}") from error
