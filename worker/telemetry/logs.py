"""Sets up logging: structlog and the standard library through one handler on stderr, floods held back."""

from __future__ import annotations

import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

Format = Literal["auto", "console", "json"]

PAYLOAD_FIELDS = frozenset({"payload", "value", "record", "data", "raw", "raw_base64", "headers"})
FLOOD_INTERVAL_S = 10.0
FLOOD_KEYS = 256


class FloodFilter(logging.Filter):
    """Lets one record per logger and message through in each interval; the next one says how many were held back.

    Only loggers under `prefix` are limited: aiokafka logs 200 times a second while the broker is away. The message is
    the template before its arguments, so that a changing port or error number does not make it another one.
    """

    def __init__(self, prefix: str, interval: float = FLOOD_INTERVAL_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._prefix = prefix
        self._interval = interval
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` may pass."""
        if record.name != self._prefix and not record.name.startswith(self._prefix + "."):
            return True
        key = (record.name, str(record.msg))
        now = self._clock()
        since, held = self._seen.get(key, (None, 0))
        if since is not None and now - since < self._interval:
            self._seen[key] = (since, held + 1)
            return False
        self._seen[key] = (now, 0)
        self._seen.move_to_end(key)
        if len(self._seen) > FLOOD_KEYS:
            self._seen.popitem(last=False)
        if held:
            record.msg, record.args = f"{record.getMessage()} ({held} more like this held back)", None
        return True


def setup(level: str = "info", format: Format = "auto", stream: TextIO | None = None) -> None:  # noqa: A002 - the configuration's own word
    """Route structlog and standard logging to `stream` (stderr); replaces what an earlier call set up."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(format, out))
    handler.addFilter(FloodFilter("aiokafka"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("aiokafka", "aiohttp", "asyncio"):
        _route(logging.getLogger(name))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _formatter(format: Format, out: TextIO) -> logging.Formatter:  # noqa: A002 - as above
    console = format == "console" or (format == "auto" and out.isatty())
    ending: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if console:
        # Plain tracebacks: the default ones print local variables, and those hold records.
        ending.append(structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback))
    else:
        ending += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared(), processors=ending)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_payloads,
    ]


def _route(logger: logging.Logger) -> None:
    logger.handlers[:] = []
    logger.propagate = True


def without_payloads(_: Any, method: str, event: EventDict) -> EventDict:
    """Drop the fields that carry record content, except at debug: logs are read by people who may not read records."""
    if method == "debug" or event.get("level") == "debug":
        return event
    return {name: value for name, value in event.items() if name not in PAYLOAD_FIELDS}
