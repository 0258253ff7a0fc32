"""One contender, one run: started on fresh topics and a fresh group, watched from outside, stopped, checked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.checker import Checker
from benchmarks.topics import Topics

ROOT = Path(__file__).parents[1]
OURS = "fsm-worker"
_RUN = ("worker", "run", "-c", str(Path(__file__).with_name("worker.yaml")))
CONTENDERS = {
    OURS: _RUN,
    f"{OURS}, exactly once": (*_RUN, "--set", "delivery.guarantee=exactly_once"),
    "confluent-kafka loop": ("benchmarks.peers.confluent_loop",),
    "confluent-kafka loop, exactly once": ("benchmarks.peers.confluent_transactions",),
    "aiokafka loop": ("benchmarks.peers.aiokafka_loop",),
}
LIMIT = 180.0
TURN = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cpu_us`: user+sys per record from the last moment without a result to the last commit; `cpu_us_all`: with the start."""

    name: str
    records: int
    cpu_us: float
    cpu_us_all: float
    records_s: float
    rss_mb: float
    uncommitted: int
    missing: int
    doubled: int
    wrong: int


@dataclass(slots=True)
class Usage:
    """What a process tree has used: CPU seconds, the same when the first result came, the highest RSS seen in bytes."""

    cpu: float = 0.0
    start: float = 0.0
    rss: int = 0

    def look(self, pid: int) -> None:
        """Read /proc once; a process that ends meanwhile is left out."""
        cpu, rss = 0.0, 0
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                rss += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.cpu, self.rss = cpu, max(self.rss, rss)


def contest(topics: Topics, name: str, source: str, records: int) -> Outcome:
    """Run one contender over the whole input."""
    tag = uuid.uuid4().hex[:8]
    output, dead, group = f"out-{tag}", f"dead-{tag}", f"group-{tag}"
    topics.create(output, dead)
    env = {**os.environ, "BENCH_BOOTSTRAP": topics.bootstrap, "BENCH_INPUT": source, "BENCH_OUTPUT": output,
           "BENCH_DEAD": dead, "BENCH_GROUP": group}
    process = subprocess.Popen([sys.executable, "-m", *CONTENDERS[name]], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        usage = _watch(topics, process, (output, dead), (group, source), records)
    finally:
        _stop(process)
    uncommitted = records - topics.committed(group, source)
    checker, times = Checker(records), []
    for topic, take in ((output, checker.output), (dead, checker.dead_letter)):
        for message in topics.read(topic):
            take(message.key(), message.value())
            times.append(message.timestamp()[1])
    span = max(max(times, default=0) - min(times, default=0), 1) / 1000
    per_record = 1e6 / records
    return Outcome(name, records, round((usage.cpu - usage.start) * per_record, 2), round(usage.cpu * per_record, 2),
                   round(len(times) / span), round(usage.rss / 2**20, 1), uncommitted, *checker.verdict())


def _watch(topics: Topics, process: subprocess.Popen[bytes], results: tuple[str, str], progress: tuple[str, str], records: int) -> Usage:
    """Until every result is there and every offset committed, the contender ends, or the time is up."""
    usage, deadline = Usage(), time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        usage.look(process.pid)
        there = topics.count(*results)
        if not there:
            usage.start = usage.cpu
        if there >= records and topics.committed(*progress) >= records:
            usage.look(process.pid)
            break
        time.sleep(TURN)
    return usage


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
