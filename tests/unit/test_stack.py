"""The compose stack, its alerts and its dashboard, held to the code without Docker, Prometheus or Grafana."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from worker.config.models import WorkerConfig
from worker.demo import topics
from worker.telemetry.table import METRICS

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
NAMED = re.compile(r"(?<![:\w])fsm_worker_\w+")
SERIES = {m.full_name for m in METRICS if m.kind != "histogram"} | {
    m.full_name + part for m in METRICS if m.kind == "histogram" for part in ("_bucket", "_sum", "_count")}
LABELS = {label for m in METRICS for label in m.labels} | {"job", "instance", "le"}


def load(path: str) -> Any:
    return YAML(typ="safe").load((ROOT / path).read_text(encoding="utf-8"))


def rules(kind: str) -> list[dict[str, Any]]:
    return [rule for group in load("ops/prometheus/rules.yml")["groups"] for rule in group["rules"] if kind in rule]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OPS / "grafana/dashboards/overview.json").read_text(encoding="utf-8"))
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules("expr"))
    yield from (target["expr"] for panel in dashboard()["panels"] for target in panel["targets"])
    yield from (v["definition"] for v in dashboard()["templating"]["list"] if v["type"] == "query")


SERVICES: dict[str, dict[str, Any]] = load("docker-compose.yml")["services"]
ALERTS = {rule["alert"]: rule for rule in rules("alert")}


def test_only_metrics_of_the_table_are_asked_for() -> None:
    """Every series in rules, panels and variables is exported by the worker, and every recorded name that is used is recorded."""
    recorded = {rule["record"] for rule in rules("record")}
    for expr in expressions():
        assert set(NAMED.findall(expr)) <= SERIES, expr
        assert set(re.findall(r"\w+:fsm_worker_\w+:\w+", expr)) <= recorded, expr


def test_only_labels_of_the_table_are_grouped_by() -> None:
    """A misspelt label would give one sum over everything, in silence."""
    for expr in expressions():
        for group in re.findall(r"(?:by|on) \(([^)]*)\)", expr):
            assert {label.strip() for label in group.split(",")} <= LABELS, expr


def test_partitions_with_two_owners_count_once() -> None:
    """Lag, offsets and records in flight are reduced by topic and partition before anything is summed."""
    for expr in expressions():
        for found in re.finditer(r"fsm_worker_(?:consumer_lag_records|committed_offset|in_flight_records)\b(?!:)", expr):
            before = expr[:found.start()]
            assert before.endswith(":") or re.search(r"max by \((job, )?topic, partition\) \($", before), expr


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_runbook_and_tests_both_ways(alert: str) -> None:
    """Its runbook is the file that it names; it has at least one test in which it fires and one in which it does not."""
    runbook = ALERTS[alert]["annotations"]["runbook"]
    assert runbook == f"ops/runbooks/{alert}.md"
    assert (ROOT / runbook).read_text(encoding="utf-8").startswith(f"# {alert}\n")
    cases = [case for test in load("ops/prometheus/tests/alerts.yml")["tests"] for case in test["alert_rule_test"] if case["alertname"] == alert]
    assert {bool(case["exp_alerts"]) for case in cases} == {True, False}


def test_no_runbook_is_left_over() -> None:
    """Every runbook is an alert's."""
    assert {path.stem for path in (OPS / "runbooks").iterdir()} == set(ALERTS)


def test_the_dashboard_is_what_the_generator_writes() -> None:
    """The committed JSON regenerates byte for byte; its data source is the provisioned one."""
    spec = importlib.util.spec_from_file_location("generate", OPS / "grafana/generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.TARGET.read_text(encoding="utf-8") == generate.render()
    (source,) = load("ops/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    chosen = next(v for v in dashboard()["templating"]["list"] if v["name"] == "datasource")
    assert source["uid"] == chosen["current"]["value"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == load("ops/prometheus/prometheus.yml")["global"]["scrape_interval"]


def test_every_panel_says_what_it_shows() -> None:
    """A pinned uid, a unit, a description, an id of its own, and rates over the interval that Grafana chooses."""
    panels = dashboard()["panels"]
    assert dashboard()["uid"] == "fsm-worker-overview"
    assert dashboard()["id"] is None and len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for target in panel["targets"]:
            assert "rate(" not in target["expr"] or "[$__rate_interval]" in target["expr"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_stay_local(name: str) -> None:
    """Each image has a full version; nothing listens beyond this machine."""
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_image_is_this_version() -> None:
    """The Dockerfile's label, the compose file's tag and the package say the same; a `# syntax` line would need a registry to build."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f'org.opencontainers.image.version="{version}"' in dockerfile and "# syntax" not in dockerfile
    assert SERVICES["worker"]["image"] == SERVICES["feeder"]["image"] == f"fsm-worker:{version}"


@pytest.mark.parametrize("name", ["worker", "feeder"])
def test_our_containers_can_do_nothing_but_their_work(name: str) -> None:
    """Read-only root, no capabilities, no new privileges, a numeric user that is not root, bounded memory and processes."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["tmpfs"] and service["mem_limit"] and service["pids_limit"]
    assert all(volume.endswith(":ro") for volume in service.get("volumes", ()))


def test_the_worker_may_drain_before_it_is_killed() -> None:
    """Compose waits longer than drain_timeout."""
    drain = WorkerConfig.model_fields["drain_timeout"].default
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > drain


def test_what_is_mounted_exists() -> None:
    """A missing file would be mounted as an empty folder."""
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            assert (ROOT / volume.split(":")[0]).exists(), volume


def test_the_topics_are_the_demos() -> None:
    """Compose creates the topics that the demo's worker and feeder use, with the demo's partitions and limits."""
    script = SERVICES["topics"]["command"][0]
    assert set(re.findall(r"create (orders\.\w+)", script)) == {topics.INPUT, *topics.OUTPUTS, topics.DEAD_LETTERS}
    assert f"create {topics.DEAD_LETTERS} --config max.message.bytes={topics.DEAD_LETTER_BYTES}\n" in script
    assert f"--partitions {topics.PARTITIONS} " in script
