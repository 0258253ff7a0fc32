"""Renders a worker's counters and views for Prometheus when it scrapes; nothing happens between scrapes."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from worker.runtime.backpressure import Limits
from worker.runtime.observation import Counters, Histogram, PartitionView, WorkerView
from worker.telemetry.table import BREAKER, METRICS, PAUSES, STATES, Metric

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Samples = Iterable[tuple[tuple[object, ...], float]]


class _Scrape:
    """What one scrape reads: the partitions are asked for once, so that all their series agree."""

    __slots__ = ("counters", "lanes", "view")

    def __init__(self, view: WorkerView) -> None:
        self.view = view
        self.counters: Counters = view.counters
        self.lanes: list[PartitionView] = view.partitions()


Reader = Callable[[_Scrape], Samples]


def _lanes(read: Callable[[PartitionView], float]) -> Reader:
    return lambda scrape: [((lane.topic, lane.partition), read(lane)) for lane in scrape.lanes]


def _known_lanes(read: Callable[[PartitionView], float]) -> Reader:
    """Like `_lanes`, without the lanes where the value is unknown (negative)."""
    return lambda scrape: [((lane.topic, lane.partition), read(lane)) for lane in scrape.lanes if read(lane) >= 0]


def _by(read: Callable[[Counters], Mapping[str, float]]) -> Reader:
    return lambda scrape: [((label,), value) for label, value in read(scrape.counters).items()]


def _one(read: Callable[[Counters], float]) -> Reader:
    return lambda scrape: [((), read(scrape.counters))]


def _limit(read: Callable[[Limits], float]) -> Reader:
    return lambda scrape: [((), read(scrape.view.limits))]


def _build(_: _Scrape) -> Samples:
    return [((_version(), platform.python_version()), 1)]


def _state(scrape: _Scrape) -> Samples:
    return [((state,), float(state == scrape.view.state)) for state in STATES]


def _machine(scrape: _Scrape) -> Samples:
    machine = scrape.view.machine
    return [((machine.name, machine.version, machine.digest), 1)]


def _consumed(scrape: _Scrape) -> Samples:
    consumed = scrape.counters.consumed
    return [((lane.topic, lane.partition), consumed[lane.topic, lane.partition]) for lane in scrape.lanes]


def _assigned(scrape: _Scrape) -> Samples:
    return [((topic,), count) for topic, count in Counter(lane.topic for lane in scrape.lanes).items()]


def _paused(scrape: _Scrape) -> Samples:
    counts = {(lane.topic, reason): 0 for lane in scrape.lanes for reason in PAUSES}
    for lane in scrape.lanes:
        for reason in set(lane.paused):
            counts[lane.topic, reason] = counts.get((lane.topic, reason), 0) + 1
    return list(counts.items())


def _breaker(scrape: _Scrape) -> Samples:
    return [((), BREAKER.index(scrape.view.breaker))]


def _arcs(scrape: _Scrape) -> Samples:
    return list(scrape.counters.arcs.items())


READERS: Mapping[str, Reader] = {
    "build_info": _build,
    "state": _state,
    "machine_info": _machine,
    "records_consumed_total": _consumed,
    "consumed_bytes_total": _by(lambda c: c.consumed_bytes),
    "records_processed_total": _by(lambda c: c.processed),
    "records_produced_total": _by(lambda c: c.produced),
    "dead_letters_total": _by(lambda c: c.dead_letters),
    "dead_letter_publish_failures_total": _one(lambda c: c.dead_letter_publish_failures),
    "timestamps_replaced_total": _one(lambda c: c.timestamps_replaced),
    "loop_seconds_total": _by(lambda c: c.loop_seconds),
    "in_flight_records": _lanes(lambda lane: lane.in_flight),
    "in_flight_bytes": _lanes(lambda lane: lane.in_flight_bytes),
    "in_flight_limit_records": _limit(lambda limits: limits.records),
    "in_flight_limit_bytes": _limit(lambda limits: limits.bytes),
    "in_flight_total_limit_bytes": _limit(lambda limits: limits.most_total_bytes),
    "oldest_in_flight_age_seconds": _lanes(lambda lane: lane.oldest_in_flight_s),
    "partitions_assigned": _assigned,
    "partitions_paused": _paused,
    "pauses_total": _by(lambda c: c.pauses),
    "consumer_lag_records": _known_lanes(lambda lane: lane.lag),
    "consumer_lag_seconds": _known_lanes(lambda lane: lane.lag_seconds),
    "committed_offset": _known_lanes(lambda lane: lane.committed),
    "commits_total": _by(lambda c: c.commits),
    "rebalances_total": _by(lambda c: c.rebalances),
    "produce_retries_total": _one(lambda c: c.produce_retries),
    "producer_recreated_total": _one(lambda c: c.producer_recreated),
    "transactions_total": _by(lambda c: c.transactions),
    "breaker_state": _breaker,
    "state_records_total": _by(lambda c: c.states),
    "arc_records_total": _arcs,
    "reloads_total": _by(lambda c: c.reloads),
    "stalls_total": _by(lambda c: c.stalls),
}

HISTOGRAMS: Mapping[str, Callable[[Counters], Histogram]] = {
    "chunk_records": lambda c: c.chunk_records,
    "chunk_duration_seconds": lambda c: c.chunk_duration,
    "end_to_end_latency_seconds": lambda c: c.end_to_end,
    "commit_duration_seconds": lambda c: c.commit_duration,
    "rebalance_duration_seconds": lambda c: c.rebalance_duration,
}


class WorkerCollector(Collector):
    """A Prometheus collector over one view. A revoked partition's series go because its view is gone."""

    def __init__(self, view: WorkerView) -> None:
        self._view = view

    def describe(self) -> list[Family]:
        """Nothing: the registry need not scrape a worker that is still being built."""
        return []

    def collect(self) -> Iterator[Family]:
        """Every metric of the table, in its order."""
        scrape = _Scrape(self._view)
        for metric in METRICS:
            if metric.kind == "histogram":
                yield _histogram(metric, HISTOGRAMS[metric.name](scrape.counters))
            else:
                yield _plain(metric, READERS[metric.name](scrape))


def registry(view: WorkerView) -> CollectorRegistry:
    """A registry of its own for one worker, with the process and garbage collectors; nothing is registered globally."""
    made = CollectorRegistry()
    made.register(WorkerCollector(view))
    ProcessCollector(registry=made)
    GCCollector(registry=made)
    return made


def exposition(source: CollectorRegistry) -> bytes:
    """What /metrics answers, in the text format 0.0.4."""
    return generate_latest(source)


def _plain(metric: Metric, samples: Samples) -> CounterMetricFamily | GaugeMetricFamily:
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = make(metric.full_name, metric.help, labels=metric.labels)
    values: dict[tuple[object, ...], float] = {(label,): 0 for label in metric.known}
    values.update(samples)
    for labels, value in values.items():
        family.add_metric([_label(label) for label in labels], value)
    return family


def _histogram(metric: Metric, histogram: Histogram) -> Family:
    family = HistogramMetricFamily(metric.full_name, metric.help)
    buckets: list[tuple[str, float]] = []
    seen = 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        seen += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), seen))
    family.add_metric([], buckets, histogram.total)
    return family


def _label(value: object) -> str:
    """A label value that always encodes: a lone surrogate in a name must not take /metrics down."""
    return str(value).encode("utf-8", "replace").decode()


def _version() -> str:
    try:
        return version("fsm-worker")
    except PackageNotFoundError:
        return "unknown"
