"""Logs: one line of JSON an event, floods held back, no record content."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from worker.telemetry.logs import FLOOD_KEYS, FloodFilter, setup


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_when_not_on_a_terminal() -> None:
    """auto is JSON otherwise, for structlog and the standard library alike."""
    out = io.StringIO()
    setup(stream=out)
    structlog.get_logger("worker.loop").info("partition assigned", topic="orders", partition=3)
    logging.getLogger("aiohttp.server").warning("odd request %s", 1)
    first, second = lines(out)
    assert (first["event"], first["level"], first["logger"], first["topic"], first["partition"]) == ("partition assigned", "info", "worker.loop", "orders", 3)
    assert (second["event"], second["level"], second["logger"]) == ("odd request 1", "warning", "aiohttp.server")
    assert first["timestamp"].endswith("Z")


def test_console_on_a_terminal() -> None:
    """auto is readable text on a terminal."""
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    setup(stream=out)
    structlog.get_logger("x").info("hello there")
    assert "hello there" in out.getvalue() and not out.getvalue().startswith("{")


def test_level() -> None:
    """Events under the level are not written."""
    out = io.StringIO()
    setup(level="warning", stream=out)
    structlog.get_logger("x").info("no")
    structlog.get_logger("x").error("yes")
    assert [line["event"] for line in lines(out)] == ["yes"]


def test_exceptions_are_in_the_line() -> None:
    """A traceback does not break the one-line format."""
    out = io.StringIO()
    setup(stream=out)
    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger("x").exception("failed")
        logging.getLogger("y").exception("failed too")
    assert all("boom" in line["exception"] for line in lines(out)) and len(lines(out)) == 2


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_no_payloads_at_info(level: str) -> None:
    """Record content is not logged, except at debug."""
    out = io.StringIO()
    setup(level="debug", stream=out)
    getattr(structlog.get_logger("x"), level)("rejected", value={"iban": "secret"}, payload="secret", offset=4)
    assert "secret" not in out.getvalue() and lines(out)[0]["offset"] == 4
    structlog.get_logger("x").debug("rejected", value="shown")
    assert lines(out)[1]["value"] == "shown"


@pytest.mark.parametrize("style", ["console", "json"])
def test_tracebacks_show_no_local_variables(style: Any) -> None:
    """A traceback names lines, not the records that were in hand."""
    out = io.StringIO()
    setup(format=style, stream=out)
    try:
        held = "".join(["sec", "ret"])
        raise ValueError(len(held))
    except ValueError:
        structlog.get_logger("x").exception("failed")
    assert "ValueError: 6" in out.getvalue() and "secret" not in out.getvalue()


def test_aiokafka_floods_are_held_back() -> None:
    """200 lines a second while the broker is away become one in the interval; other loggers are not touched."""
    out = io.StringIO()
    setup(stream=out)
    for number in range(500):
        logging.getLogger("aiokafka.conn").error("Unable connect to node with id %s", number)
        logging.getLogger("worker").info("each counts")
    assert sum("Unable" in line["event"] for line in lines(out)) == 1
    assert sum(line["event"] == "each counts" for line in lines(out)) == 500


def test_the_next_one_says_how_many_were_held_back() -> None:
    """Nothing is lost silently."""
    now = [0.0]
    flood = FloodFilter("aiokafka", interval=10, clock=lambda: now[0])
    record = lambda: logging.LogRecord("aiokafka.client", logging.ERROR, "f", 1, "gone: %s", ("x",), None)  # noqa: E731 - one line, used four times
    assert [flood.filter(record()) for _ in range(3)] == [True, False, False]
    now[0] = 11
    later = record()
    assert flood.filter(later) and later.getMessage() == "gone: x (2 more like this held back)"


def test_the_flood_filter_is_bounded() -> None:
    """Messages that are all different do not make it grow."""
    flood = FloodFilter("aiokafka")
    for number in range(FLOOD_KEYS * 3):
        flood.filter(logging.LogRecord("aiokafka", logging.ERROR, "f", 1, f"message {number}", None, None))
    assert len(flood._seen) == FLOOD_KEYS
