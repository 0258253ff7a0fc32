"""Every key of the worker file, as frozen models with the defaults of a careful operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from worker.config.units import (
    AnchoredPath,
    Bool,
    Count,
    Duration,
    Number,
    PositiveDuration,
    PositiveSize,
    Servers,
    Size,
    Text,
    Topic,
)


class Section(BaseModel):
    """A mapping of the worker file: unknown keys are errors, values never change, errors never show a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)


class SecurityConfig(Section):
    """How to speak to the brokers; everything but PLAINTEXT is later work."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    oauth_token: str | None = Field(default=None, repr=False)
    ca_file: AnchoredPath | None = None
    cert_file: AnchoredPath | None = None
    key_file: AnchoredPath | None = None
    key_password: str | None = Field(default=None, repr=False)


class KafkaConfig(Section):
    """`group_id` None means the worker's name; `consumer` and `producer` are extra aiokafka options."""

    bootstrap_servers: Servers = "localhost:9092"
    group_id: Text | None = None
    client_id: Text = "fsm-worker"
    security: SecurityConfig = SecurityConfig()
    consumer: dict[str, Any] = Field(default_factory=dict, repr=False)
    producer: dict[str, Any] = Field(default_factory=dict, repr=False)


class InputConfig(Section):
    """What is read."""

    topics: tuple[Topic, ...] = Field(min_length=1)
    format: Literal["json", "text"] = "json"
    auto_offset_reset: Literal["earliest", "latest", "fail"] = "earliest"
    tombstones: Literal["pass", "drop", "fail"] = "pass"
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed"


Headers = Literal["copy", "none"]


class RouteConfig(Section):
    """Where a route goes; key and headers left out are those of `output` (filled in on load)."""

    topic: Topic
    key: Text = "source"
    headers: Headers = "copy"


def _route(value: object) -> object:
    return {"topic": value} if isinstance(value, str) else value


Route = Annotated[RouteConfig, BeforeValidator(_route, json_schema_input_type=str | RouteConfig)]


class OutputConfig(Section):
    """Where outputs go. `key` is `source` or a formula as it was written."""

    topic: Topic | None = None
    key: Text = "source"
    headers: Headers = "copy"
    routes: dict[str, Route] = Field(default_factory=dict)
    provenance: Bool = False
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    timestamp: Literal["source", "now"] = "source"

    @field_validator("routes")
    @classmethod
    def _inherit(cls, routes: dict[str, RouteConfig], info: ValidationInfo) -> dict[str, RouteConfig]:
        above = {k: info.data[k] for k in ("key", "headers") if k in info.data}
        return {name: r.model_copy(update={k: v for k, v in above.items() if k not in r.model_fields_set})
                for name, r in routes.items()}


class BreakerConfig(Section):
    """When too many records fail. `window` counts records; `probe_after` 0 waits for an operator."""

    max_ratio: Number = Field(default=0.5, gt=0, le=1)
    window: Count = 1000
    max_consecutive: Count = 200
    action: Literal["halt", "pause", "off"] = "halt"
    probe_after: Duration = 0.0


class DeadLetterConfig(Section):
    """Where records go that fail."""

    topic: Topic
    quarantine: Literal["off", "key"] = "off"
    breaker: BreakerConfig = BreakerConfig()


class DeliveryConfig(Section):
    """What is promised, and how often offsets are committed."""

    guarantee: Literal["at_least_once", "exactly_once"] = "at_least_once"
    commit_interval: PositiveDuration = 0.2


class ChunkConfig(Section):
    """`max_wait` counts only while an earlier chunk of the lane is in hand."""

    max_records: Count = 1000
    max_wait: Duration = 0.05


class BackpressureConfig(Section):
    """The first two per partition, `total_bytes` per member; `memory_limit` 0 means the cgroup's, if any."""

    max_in_flight_records: Count = 5000
    max_in_flight_bytes: PositiveSize = 16 * 2**20
    resume_ratio: Number = Field(default=0.5, gt=0, lt=1)
    total_bytes: PositiveSize = 256 * 2**20
    memory_limit: Size = 0


class RetryConfig(Section):
    """Delivery and broker errors: waits grow by `backoff` up to `max_delay`, and never end."""

    delay: PositiveDuration = 0.2
    backoff: Number = Field(default=2.0, ge=1)
    max_delay: PositiveDuration = 30.0
    jitter: Literal["full", "none"] = "full"


class HttpConfig(Section):
    """Port 0 is a free one; the token enables POST."""

    enabled: Bool = True
    host: Text = "0.0.0.0"  # probes and Prometheus come from other hosts; POST needs the token
    port: int = Field(default=9464, ge=0, le=65535)
    token: str = Field(default="", repr=False)


class LogConfig(Section):
    """`auto` is console on a terminal, JSON otherwise."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


def _machine(value: object) -> object:
    if isinstance(value, str | Mapping) and value:
        return value
    raise ValueError("must be the path of a machine document, or the document itself")


Machine = Annotated[AnchoredPath | dict[str, Any],
                    BeforeValidator(_machine, json_schema_input_type=str | dict[str, Any])]


class WorkerConfig(Section):
    """A whole worker file. `name` None means the machine's name: see `resolve`."""

    name: Text | None = None
    machine: Machine = Field(repr=False)
    params: dict[str, Any] = Field(default_factory=dict, repr=False)
    functions: dict[str, Text] = Field(default_factory=dict)
    kafka: KafkaConfig = KafkaConfig()
    input: InputConfig
    output: OutputConfig = OutputConfig()
    dead_letter: DeadLetterConfig
    delivery: DeliveryConfig = DeliveryConfig()
    chunk: ChunkConfig = ChunkConfig()
    backpressure: BackpressureConfig = BackpressureConfig()
    retry: RetryConfig = RetryConfig()
    drain_timeout: PositiveDuration = 25.0
    processes: Count | Literal["auto"] = 1
    trust: Bool = False
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    reload: Literal["signal", "watch", "off"] = "signal"
