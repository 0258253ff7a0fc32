"""aiokafka options (0.14): those a worker file may not set, each with the reason, and those it may."""

from __future__ import annotations

_OWN = "it has a key of its own: {}"
_SECURITY = _OWN.format("kafka.security")
_BYTES = "the worker reads and writes bytes itself"
_BOTH = {
    "bootstrap_servers": _OWN.format("kafka.bootstrap_servers"),
    "client_id": _OWN.format("kafka.client_id"),
    "loop": "the worker owns its event loop",
    "api_version": "aiokafka negotiates it; an old one loses headers or idempotence",
    "key_deserializer": _BYTES, "value_deserializer": _BYTES, "key_serializer": _BYTES, "value_serializer": _BYTES,
    **dict.fromkeys(("security_protocol", "ssl_context", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password",
                     "sasl_kerberos_service_name", "sasl_kerberos_domain_name", "sasl_oauth_token_provider"), _SECURITY),
}
CONSUMER: dict[str, str] = {
    **_BOTH,
    "group_id": _OWN.format("kafka.group_id"),
    "group_instance_id": "static membership is later work, and two members with one id fence each other",
    "enable_auto_commit": "offsets are committed only behind acknowledged outputs",
    "auto_commit_interval_ms": _OWN.format("delivery.commit_interval"),
    "auto_offset_reset": _OWN.format("input.auto_offset_reset"),
    "isolation_level": _OWN.format("input.isolation"),
    "partition_assignment_strategy": "lanes are opened and closed by the worker's own protocol",
    "max_poll_interval_ms": "the worker sets it so that a slow machine does not lose its partitions",
    "max_poll_records": _OWN.format("chunk.max_records"),
    "rebalance_timeout_ms": "drain_timeout is planned against the worker's 45 s",
    "consumer_timeout_ms": "the reader never ends by itself",
    "check_crcs": "a corrupt batch must not be taken for records",
    "exclude_internal_topics": "the worker subscribes to input.topics only",
}
PRODUCER: dict[str, str] = {
    **_BOTH,
    "acks": "an output counts as sent only when all in-sync replicas have it",
    "enable_idempotence": "without it a retry can duplicate and reorder outputs",
    "transactional_id": _OWN.format("delivery.guarantee"),
    "transaction_timeout_ms": _OWN.format("delivery.guarantee"),
    "compression_type": _OWN.format("output.compression"),
    "partitioner": "records of one key must stay in one partition, as other clients compute it",
}
EXACTLY_ONCE: dict[str, str] = {
    "linger_ms": "a transaction is committed when everything is acknowledged, so it would wait for it each time",
}
_CONNECTION = ("metadata_max_age_ms", "request_timeout_ms", "retry_backoff_ms", "connections_max_idle_ms")
CONSUMER_ALLOWED = (*_CONNECTION, "fetch_max_wait_ms", "fetch_max_bytes", "fetch_min_bytes", "max_partition_fetch_bytes",
                    "session_timeout_ms", "heartbeat_interval_ms", "client_rack")
PRODUCER_ALLOWED = (*_CONNECTION, "max_batch_size", "max_request_size", "linger_ms")
