"""The worker file: its models, how it is loaded, and the rules it is checked against."""

from __future__ import annotations

from typing import Any

from worker.config.errors import ConfigError
from worker.config.load import LoadedConfig, load_config
from worker.config.models import (
    BackpressureConfig,
    BreakerConfig,
    ChunkConfig,
    DeadLetterConfig,
    DeliveryConfig,
    HttpConfig,
    InputConfig,
    KafkaConfig,
    LogConfig,
    OutputConfig,
    RetryConfig,
    RouteConfig,
    SecurityConfig,
    WorkerConfig,
)
from worker.config.rules import machine_findings, resolve

__all__ = [
    "BackpressureConfig", "BreakerConfig", "ChunkConfig", "ConfigError", "DeadLetterConfig", "DeliveryConfig",
    "HttpConfig", "InputConfig", "KafkaConfig", "LoadedConfig", "LogConfig", "OutputConfig", "RetryConfig",
    "RouteConfig", "SecurityConfig", "WorkerConfig", "json_schema", "load_config", "machine_findings", "resolve",
]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the worker file, as it is written (durations and sizes as text or numbers)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **WorkerConfig.model_json_schema()}
