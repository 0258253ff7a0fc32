"""The JSON Schema of the worker file, from its models; a sentence for each key stands here."""

from __future__ import annotations

from typing import Any

from worker.config.models import WorkerConfig

_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
ABOUT: dict[str, dict[str, str]] = {
    "WorkerConfig": {
        "name": "The worker's name; default: the machine's.", "machine": "The machine document: a path relative to this file, or the document itself.",
        "params": "Overrides of the machine's params, of the same types; may hold ${SECRET}.", "functions": "What a safe machine may call: name to module:attribute.",
        "kafka": "Brokers and clients.", "input": "What is read.", "output": "Where outputs go.", "dead_letter": "Where records go that fail.",
        "delivery": "What is promised.", "chunk": "How many records go through the machine at once.", "backpressure": "How much may be in flight.",
        "retry": "Waits after delivery and broker errors.", "drain_timeout": "How long a stop may take to finish what is in hand.",
        "processes": "Members of the group on this host; auto is one a core. Not more than 1 yet (190).", "trust": "true: the machine's code may use everything Python has.",
        "http": "Metrics, probes, status, live page.", "log": "What is logged, and how.", "reload": "When the machine's document is read again."},
    "KafkaConfig": {"bootstrap_servers": "host:port, several with commas or as a list.", "group_id": "The consumer group; default: the worker's name.",
                    "client_id": "How brokers call this client.", "security": "How to speak to the brokers.", "consumer": "Extra aiokafka consumer options.",
                    "producer": "Extra aiokafka producer options."},
    "SecurityConfig": {"protocol": "Plain or encrypted, with or without a login. Only PLAINTEXT yet (190).", "mechanism": "How to log in.", "username": "Login name.", "password": "Login password.",
                       "oauth_token": "Token of OAUTHBEARER.", "ca_file": "The authority that signed the brokers' certificates.", "cert_file": "Our certificate.",
                       "key_file": "Our key.", "key_password": "Its password."},
    "InputConfig": {"topics": "The topics that are read.", "format": "json: an object a record; text: a record is {\"line\": …}.",
                    "auto_offset_reset": "Where a group without offsets starts; fail refuses to.", "tombstones": "What happens to records without a value.",
                    "isolation": "Whether records of open transactions are waited for."},
    "OutputConfig": {"topic": "For outputs without a route.", "key": "source, or a formula over the record as it ends.", "headers": "copy those of the source, or none.",
                     "routes": "Where each route goes: a topic, or {topic, key, headers}.", "provenance": "Adds fsm.source.* headers.",
                     "compression": "How batches are compressed.", "timestamp": "The source's time, or now."},
    "RouteConfig": {"topic": "The topic.", "key": "As output.key, for this route.", "headers": "As output.headers, for this route."},
    "DeadLetterConfig": {"topic": "The topic for what fails.", "quarantine": "key: later records of a key that failed go there too.",
                         "breaker": "When too many records fail."},
    "BreakerConfig": {"max_ratio": "The share of failures in the window that trips it.", "window": "Records that are looked at.",
                      "max_consecutive": "Failures in a row that trip it.", "action": "halt ends the worker with 79; pause waits.",
                      "probe_after": "After so long one chunk is tried; 0 waits for an operator."},
    "DeliveryConfig": {"guarantee": "at_least_once or exactly_once.", "commit_interval": "How often offsets are committed."},
    "ChunkConfig": {"max_records": "The most records of a chunk.", "max_wait": "How long an unfilled chunk waits while an earlier one is in hand."},
    "BackpressureConfig": {"max_in_flight_records": "Per partition.", "max_in_flight_bytes": "Per partition.", "resume_ratio": "Where a paused partition goes on.",
                           "total_bytes": "Per member of the group.", "memory_limit": "Resident memory; only 0 yet (190)."},
    "RetryConfig": {"delay": "The first wait.", "backoff": "Each wait is so many times the one before.", "max_delay": "The longest wait.",
                    "jitter": "full: each wait is random up to its length."},
    "HttpConfig": {"enabled": "Whether it listens.", "host": "The address it listens on.", "port": "0 is a free one.", "token": "Enables POST /pause /resume /reload."},
    "LogConfig": {"level": "The least that is logged.", "format": "auto is console on a terminal, JSON otherwise."},
}


def worker_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a worker file: every key, its default, what it is for; rules over several keys are `check`'s."""
    made = WorkerConfig.model_json_schema(mode="validation")
    _describe(made, ABOUT["WorkerConfig"])
    for name, part in made.get("$defs", {}).items():
        _describe(part, ABOUT.get(name, {}))
    made["description"] = "The worker's file. In texts, ${NAME} and ${NAME:-default} are filled in from the environment."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "fsm-worker worker file"}


def _describe(part: dict[str, Any], about: dict[str, str]) -> None:
    for name, key in part.get("properties", {}).items():
        key.pop("title", None)
        if name in about:
            key["description"] = about[name]
        for limit, standard in _LIMITS.items():
            if limit in key:
                key[standard] = key.pop(limit)
