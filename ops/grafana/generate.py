"""Writes dashboards/overview.json: `python ops/grafana/generate.py`; a test holds the file to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "dashboards" / "overview.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECT = '{job=~"$job", instance=~"$instance"}'
BY_TOPIC = '{job=~"$job", instance=~"$instance", topic=~"$topic"}'
Query = tuple[str, str]
"""An expression and its legend."""


def rate(metric: str, by: str = "", select: str = SELECT) -> str:
    """The sum of a counter's rates."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({metric}{select}[$__rate_interval]))"


def per_partition(metric: str) -> str:
    """A gauge by topic; two owners of a partition, as in a rebalance, count once."""
    return f"sum by (topic) (max by (topic, partition) ({metric}{BY_TOPIC}))"


def quantile(q: float) -> str:
    """A quantile of the end-to-end latency."""
    buckets = rate("fsm_worker_end_to_end_latency_seconds_bucket", "le")
    return f"histogram_quantile({q}, {buckets})"


PANELS: tuple[tuple[str, str, str, tuple[Query, ...]], ...] = (
    ("Records per second", "Records read, and input records that are done, by outcome.", "cps", (
        (rate("fsm_worker_records_consumed_total", select=BY_TOPIC), "read"),
        (rate("fsm_worker_records_processed_total", "outcome"), "{{outcome}}"))),
    ("End-to-end latency", "From a record's timestamp to the acknowledgement of its result.", "s", (
        (quantile(0.5), "p50"), (quantile(0.95), "p95"), (quantile(0.99), "p99"))),
    ("Lag", "Records behind the end of the topic; a partition with two owners counts once.", "short", (
        (per_partition("fsm_worker_consumer_lag_records"), "{{topic}}"),)),
    ("In flight, in the fullest partition", "Records read and not yet done, against the limit at which a partition is paused.", "short", (
        (f"max by (topic) (max by (topic, partition) (fsm_worker_in_flight_records{BY_TOPIC}))", "{{topic}}"),
        (f"min(fsm_worker_in_flight_limit_records{SELECT})", "limit"))),
    ("Paused partitions by reason", "A partition may be paused for several reasons at once.", "short", (
        (f"sum by (reason) (fsm_worker_partitions_paused{BY_TOPIC})", "{{reason}}"),)),
    ("Dead letters per second by reason", "Dead letters that the broker acknowledged.", "cps", (
        (rate("fsm_worker_dead_letters_total", "reason"), "{{reason}}"),)),
    ("Records per second by state", "Records that entered a state of the machine.", "cps", (
        (rate("fsm_worker_state_records_total", "state"), "{{state}}"),)),
    ("Workers", "Workers by the state they are in.", "short", (
        (f"sum by (state) (fsm_worker_state{SELECT}) > 0", "{{state}}"),)),
    ("Slow records, as a share", "Records that took more than 5 s end to end. The budget is 1 %; at 14.4 % over an hour EndToEndLatencyBudgetBurn fires.", "percentunit", (
        ('job:fsm_worker_end_to_end_slow:ratio_increase5m{job=~"$job"}', "last 5 min, {{job}}"),
        ('job:fsm_worker_end_to_end_slow:ratio_increase1h{job=~"$job"}', "last hour, {{job}}"))),
)


def panel(number: int, title: str, description: str, unit: str, queries: tuple[Query, ...]) -> dict[str, Any]:
    """A time series, two in a row."""
    return {
        "id": number + 1, "type": "timeseries", "title": title, "description": description, "datasource": SOURCE,
        "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [{"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend, "range": True}
                    for i, (expr, legend) in enumerate(queries)],
    }


def variable(name: str, label: str, query: str) -> dict[str, Any]:
    """A choice of label values, all of them at first."""
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": {"query": query, "refId": name}, "definition": query,
            "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}


def overview() -> dict[str, Any]:
    """The dashboard, as Grafana's file provider reads it."""
    return {
        "id": None, "uid": "fsm-worker-overview", "title": "fsm-worker: overview", "tags": ["fsm-worker"], "schemaVersion": 39, "version": 1,
        "editable": False, "graphTooltip": 1, "timezone": "browser", "refresh": "5s", "time": {"from": "now-15m", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {"text": "Prometheus", "value": "prometheus"}},
            variable("job", "Job", "label_values(fsm_worker_build_info, job)"),
            variable("instance", "Instance", 'label_values(fsm_worker_build_info{job=~"$job"}, instance)'),
            variable("topic", "Topic", 'label_values(fsm_worker_partitions_assigned{job=~"$job"}, topic)'),
        ]},
        "panels": [panel(number, *content) for number, content in enumerate(PANELS)],
    }


def render() -> str:
    """The file's text."""
    return json.dumps(overview(), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
