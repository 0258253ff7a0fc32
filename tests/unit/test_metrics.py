"""Metrics and status: what is exported is the table, and the table is the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.fake_view import FakeView, busy_view, lane
from worker.runtime.backpressure import Limits
from worker.telemetry.document import render
from worker.telemetry.metrics import HISTOGRAMS, READERS, exposition, registry
from worker.telemetry.snapshot import Rates, status
from worker.telemetry.table import METRICS, PREFIX

ROOT = Path(__file__).parents[2]


def scrape(view: FakeView) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    text = exposition(registry(view)).decode()
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def key(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def test_every_metric_of_the_table_is_exported_and_no_other() -> None:
    """The exposition holds exactly the table's metrics, with their kinds, labels and help."""
    text = exposition(registry(busy_view())).decode()
    families = {family.name: family for family in text_string_to_metric_families(text) if family.name.startswith(PREFIX)}
    assert set(families) == {metric.full_name.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        family = families[metric.full_name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert family.samples, metric.name
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(metric.labels)}


def test_every_metric_has_one_reader() -> None:
    """A metric is read in one place, and nothing is read that the table does not name."""
    assert set(READERS) | set(HISTOGRAMS) == {metric.name for metric in METRICS}
    assert not set(READERS) & set(HISTOGRAMS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_names_follow_the_conventions() -> None:
    """Counters end in _total, nothing else does, and labels never hold what grows without bound."""
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not set(metric.labels) & {"key", "offset", "member_id", "error", "message"}


def test_docs_are_the_table() -> None:
    """docs/metrics.md is what the table renders."""
    assert (ROOT / "docs" / "metrics.md").read_text("utf-8") == render()


def test_series_of_a_revoked_partition_go() -> None:
    """A partition that is not assigned has no series, whatever was counted for it before."""
    view = busy_view()
    assert key(topic="orders", partition="7") not in scrape(view)["fsm_worker_records_consumed_total"]
    exported = registry(view)
    assert b'partition="1"' in exposition(exported)
    view.lanes = [lane(0)]
    assert b'partition="1"' not in exposition(exported)
    view.lanes = []
    assert b"partition=" not in exposition(exported)


def test_state_is_one_hot() -> None:
    """Exactly one state is 1."""
    assert {labels[0][1] for labels, value in scrape(FakeView(state="draining"))["fsm_worker_state"].items() if value} == {"draining"}


def test_known_label_values_start_at_zero() -> None:
    """rate() needs the zero before the first event: label values known beforehand are exported from the start."""
    found = scrape(FakeView())
    assert found["fsm_worker_records_processed_total"][key(outcome="failed")] == 0
    assert found["fsm_worker_commits_total"][key(result="failed")] == 0
    assert found["fsm_worker_partitions_paused"][key(topic="orders", reason="retry")] == 1
    assert found["fsm_worker_partitions_paused"][key(topic="orders", reason="operator")] == 0


def test_unknown_offsets_are_absent() -> None:
    """-1 is unknown and must not be mistaken for a number."""
    found = scrape(FakeView(lanes=[lane(0, committed=-1, lag=-1, lag_seconds=-1.0)]))
    for name in ("committed_offset", "consumer_lag_records", "consumer_lag_seconds"):
        assert PREFIX + name not in found


def test_the_limits_are_beside_what_they_limit() -> None:
    """What is in flight can be shown against the configured bounds."""
    found = scrape(FakeView(limits=Limits(7, 8, 0.5, 9)))
    assert [found[f"{PREFIX}in_flight_{name}"][()] for name in ("limit_records", "limit_bytes", "total_limit_bytes")] == [7, 8, 9]


def test_histograms_are_cumulative() -> None:
    """Buckets add up to the count, and what is over every bound is in +Inf only."""
    found = scrape(busy_view())
    buckets = found["fsm_worker_end_to_end_latency_seconds_bucket"]
    assert (buckets[key(le="0.01")], buckets[key(le="0.025")], buckets[key(le="300.0")], buckets[key(le="+Inf")]) == (0, 900, 900, 901)
    assert found["fsm_worker_end_to_end_latency_seconds_count"][()] == 901
    assert found["fsm_worker_end_to_end_latency_seconds_sum"][()] == pytest.approx(1018)


def test_process_and_gc_collectors_but_no_created_series() -> None:
    """The usual collectors are there; creation times double the series and are not."""
    text = exposition(registry(busy_view())).decode()
    assert "process_cpu_seconds_total" in text and "python_gc_" in text
    assert not re.search(r"^\w+_created\b", text, re.M)


def test_status_is_the_contract() -> None:
    """/status has exactly the fields of the interface, and is JSON whatever an error entry holds."""
    view = busy_view()
    view.counters.last_errors.append({"time": float("nan"), "message": b"\xff", "reason": "x"})
    document: dict[str, Any] = json.loads(json.dumps(status(view), allow_nan=False))
    assert list(document) == [
        "name", "state", "guarantee", "machine", "uptime_s", "members", "partitions", "totals", "rates", "states", "arcs",
        "dead_letters", "last_errors",
    ]
    assert list(document["machine"]) == ["name", "version", "digest", "loaded_at"]
    assert list(document["partitions"][1]) == [
        "topic", "partition", "member", "position", "committed", "end", "lag", "lag_seconds", "in_flight", "in_flight_bytes",
        "oldest_in_flight_s", "paused",
    ]
    assert document["totals"] == {"consumed": 1050, "produced": 908, "dead_lettered": 8, "dropped": 40, "retried": 2}
    assert {"from": "intake", "to": "scored", "count": 1000} in document["arcs"]


def test_rates_slide() -> None:
    """A rate is over the window: what happened before it no longer counts."""
    rates = Rates(window=10)
    assert rates.sample({"consumed": 1000}, 0.0) == {"consumed": 0.0}
    assert rates.sample({"consumed": 1050}, 5.0) == {"consumed": 10.0}
    for second in range(6, 31):
        last = rates.sample({"consumed": 1050}, float(second))
    assert last == {"consumed": 0.0}


def test_rates_hold_few_samples() -> None:
    """Asking often does not make the window grow."""
    rates = Rates(window=10)
    for step in range(10_000):
        rates.sample({"consumed": step}, step / 100)
    assert len(rates._samples) <= 25
