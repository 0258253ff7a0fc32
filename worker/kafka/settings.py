"""The client options that the guarantees rest on, in one place; what the user adds cannot undo them."""

from __future__ import annotations

from typing import Any

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

REBALANCE_TIMEOUT_MS = 45_000
TRANSACTION_TIMEOUT_MS = 60_000


def consumer_options(config: Any) -> dict[str, Any]:
    """Options of the group member; `auto_offset_reset` is ours to decide, so the client's is none."""
    return {
        **connection(config), "max_partition_fetch_bytes": 512 << 10, "fetch_max_wait_ms": 50, "session_timeout_ms": 10_000,
        "heartbeat_interval_ms": 1000, "max_poll_interval_ms": 300_000, "retry_backoff_ms": 100, **config.kafka.consumer,
        "rebalance_timeout_ms": REBALANCE_TIMEOUT_MS, "request_timeout_ms": 60_000, "group_id": config.kafka.group_id,
        "enable_auto_commit": False, "auto_offset_reset": "none", "isolation_level": config.input.isolation,
        "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
    }


def producer_options(config: Any, max_batch_size: int, max_record_size: int, idempotent: bool = True) -> dict[str, Any]:
    """Options of the shared producer; without `idempotent` those of an isolation producer."""
    compression = None if config.output.compression == "none" else config.output.compression
    return {
        **connection(config), "retry_backoff_ms": 20, "max_request_size": max(max_record_size, 1 << 20) + 1024, **config.kafka.producer, "acks": "all",
        "enable_idempotence": idempotent, "max_batch_size": max_batch_size, "request_timeout_ms": 60_000, "compression_type": compression,
    }


def transaction_options(config: Any, partition: Any, max_batch_size: int, max_record_size: int) -> dict[str, Any]:
    """Options of the producer of one input partition; no topic's name holds a `/`, so no two groups share an id."""
    return {
        **producer_options(config, max_batch_size, max_record_size), "transactional_id": f"{config.kafka.group_id}/{partition[0]}/{partition[1]}",
        "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS,
    }


def connection(config: Any) -> dict[str, Any]:
    """Where the brokers are and who we are."""
    return {"bootstrap_servers": config.kafka.bootstrap_servers, "client_id": config.kafka.client_id}
