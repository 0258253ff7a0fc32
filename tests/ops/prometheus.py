"""A Prometheus of one's own: the committed rules, other targets, one scrape a second; asked as Grafana asks it."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.chaos.rig import await_true
from worker.embedded.ports import free_port

OPS = Path(__file__).parents[2] / "ops"
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
SCRAPE_SECONDS = 1
RATE_INTERVAL = f"{4 * SCRAPE_SECONDS}s"
"""What Grafana makes of $__rate_interval at this scrape interval."""


class Prometheus:
    """A running one. `series` and `label_values` answer for the whole of its life."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self._url, self._log, self._began = process, f"http://127.0.0.1:{port}", log, time.time()

    def log(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def ready(self) -> bool:
        """Whether it answers queries."""
        assert self.process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, path: str, **parameters: Any) -> Any:
        """The `data` of an API answer; an error of the query fails the test."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def series(self, expr: str) -> list[tuple[dict[str, str], list[float]]]:
        """Labels and finite values over time, one value a second, as a panel draws them; series without any are left out."""
        found = self.ask("query_range", query=expr, start=self._began, end=time.time(), step=SCRAPE_SECONDS)["result"]
        drawn = [(each["metric"], [v for _, text in each["values"] if math.isfinite(v := float(text))]) for each in found]
        return [(labels, values) for labels, values in drawn if values]

    def value(self, expr: str) -> float:
        """The sum of an expression's series now, 0 without any."""
        return sum(float(each["value"][1]) for each in self.ask("query", query=expr)["result"])

    def label_values(self, definition: str) -> list[str]:
        """What a dashboard's variable offers."""
        asked = LABEL_VALUES.fullmatch(definition)
        assert asked is not None, definition
        params = {"match[]": asked[1], "start": self._began, "end": time.time()}
        found: list[str] = self.ask(f"label/{asked[2]}/values", **params)
        return found


@contextmanager
def prometheus(binary: str, folder: Path, targets: Sequence[str]) -> Iterator[Prometheus]:
    """A Prometheus with our rules file, scraping `targets` as the stack's job; gone afterwards."""
    committed = YAML(typ="safe").load((OPS / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = committed["scrape_configs"]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{SCRAPE_SECONDS}s"},
        "rule_files": [str(OPS / "prometheus" / name) for name in committed["rule_files"]],
        "scrape_configs": [{"job_name": job["job_name"], "static_configs": [{"targets": list(targets)}]}]}
    (folder / "prometheus.json").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    port, log = free_port(), folder / "prometheus.log"
    command = [binary, f"--config.file={folder / 'prometheus.json'}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        running = Prometheus(process, port, log)
        await_true("Prometheus is ready", running.ready, 30)
        yield running
    finally:
        process.terminate()
        process.wait(20)
