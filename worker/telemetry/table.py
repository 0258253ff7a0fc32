"""Every metric the worker exports, in one list: code, docs, dashboards and alerts are held to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "fsm_worker_"

Kind = Literal["counter", "gauge", "histogram"]

STATES = ("starting", "running", "paused", "draining", "halted", "stopped")
BREAKER = ("closed", "half_open", "open")
PAUSES = ("backpressure", "retry", "breaker", "operator", "quarantine", "membership")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is without the prefix; `known` are the values of its only label that are exported from zero on."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    known: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name as scraped (histograms add _bucket, _sum and _count)."""
        return PREFIX + self.name


LANE = ("topic", "partition")

METRICS: tuple[Metric, ...] = (
    Metric("build_info", "gauge", ("version", "python"), "Always 1; the labels say which build runs."),
    Metric("state", "gauge", ("state",), "1 for the state the worker is in, 0 for every other.", STATES),
    Metric("machine_info", "gauge", ("name", "version", "digest"), "Always 1; the labels say which machine runs."),
    Metric("records_consumed_total", "counter", LANE, "Records read, for the partitions assigned now."),
    Metric("consumed_bytes_total", "counter", ("topic",), "Bytes of the records read."),
    Metric("records_processed_total", "counter", ("outcome",), "Input records that are done, each counted once.",
           ("output", "error", "drop", "tombstone", "failed")),
    Metric("records_produced_total", "counter", ("topic",), "Records the broker acknowledged, dead letters included."),
    Metric("dead_letters_total", "counter", ("reason",), "Dead letters the broker acknowledged."),
    Metric("dead_letter_publish_failures_total", "counter", (), "Attempts to publish a dead letter that failed."),
    Metric("timestamps_replaced_total", "counter", (), "Records sent with the current time because the topic would refuse or expire theirs."),
    Metric("chunk_records", "histogram", (), "Records in a chunk."),
    Metric("chunk_duration_seconds", "histogram", (), "From taking a chunk to its last acknowledgement."),
    Metric("loop_seconds_total", "counter", ("phase",), "Where the loop's time goes.",
           ("fetch", "machine", "produce", "ack", "commit", "paused", "idle")),
    Metric("end_to_end_latency_seconds", "histogram", (), "From a record's timestamp to the acknowledgement of its result."),
    Metric("in_flight_records", "gauge", LANE, "Records read and not yet done."),
    Metric("in_flight_bytes", "gauge", LANE, "Bytes of the records read and not yet done."),
    Metric("in_flight_limit_records", "gauge", (), "Records in flight at which a partition is paused."),
    Metric("in_flight_limit_bytes", "gauge", (), "Bytes in flight at which a partition is paused."),
    Metric("in_flight_total_limit_bytes", "gauge", (), "Bytes in flight, of all partitions together, at which whichever takes more is paused."),
    Metric("oldest_in_flight_age_seconds", "gauge", LANE, "Age of the oldest record that is not yet done, 0 when there is none."),
    Metric("partitions_assigned", "gauge", ("topic",), "Partitions this worker owns."),
    Metric("partitions_paused", "gauge", ("topic", "reason"), "Owned partitions that are paused for a reason; one may have several."),
    Metric("pauses_total", "counter", ("reason",), "Times a partition was paused.", PAUSES),
    Metric("consumer_lag_records", "gauge", LANE, "Records behind the end of the partition; absent while unknown."),
    Metric("consumer_lag_seconds", "gauge", LANE, "Age of the next record to be done; absent while unknown."),
    Metric("committed_offset", "gauge", LANE, "The committed offset, which is the next to read; absent while unknown."),
    Metric("commits_total", "counter", ("result",), "Commits by result.", ("ok", "failed", "stale")),
    Metric("commit_duration_seconds", "histogram", (), "How long commits take."),
    Metric("rebalances_total", "counter", ("event",), "Rebalance events.", ("assigned", "revoked", "lost")),
    Metric("rebalance_duration_seconds", "histogram", (), "How long the work of a rebalance takes in this worker."),
    Metric("produce_retries_total", "counter", (), "Records sent again after the broker refused them for a passing reason."),
    Metric("producer_recreated_total", "counter", (), "Times the producer was thrown away and made anew."),
    Metric("transactions_total", "counter", ("result",), "Transactions by result.", ("committed", "aborted")),
    Metric("breaker_state", "gauge", (), "The circuit breaker: 0 closed, 1 half open, 2 open."),
    Metric("state_records_total", "counter", ("state",), "Records that entered a state of the machine."),
    Metric("arc_records_total", "counter", ("from_state", "to_state"), "Records that took an arc of the machine."),
    Metric("reloads_total", "counter", ("result",), "Reloads of the machine by result.", ("ok", "failed")),
    Metric("stalls_total", "counter", ("topic",), "Times a partition made no progress for too long."),
)
