"""Durations and sizes."""

from __future__ import annotations

import pytest

from worker.config.units import parse_duration, parse_size


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("5s", 5), ("2m", 120), (3, 3), (0.5, 0.5), ("0s", 0),
                                               ("200ms", 0.2), ("1.5s", 1.5), ("7", 7)])
def test_durations(text: object, seconds: float) -> None:
    """A duration is a number with ms, s, m, or plain seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("64MiB", 64 * 2**20), ("1kB", 1000), ("123", 123), (5, 5), ("0.5KiB", 512)])
def test_sizes(text: object, size: int) -> None:
    """A size is a whole number of bytes with a decimal or binary unit."""
    assert parse_size(text) == size


@pytest.mark.parametrize("bad", ["", "5 parsecs", "-1s", -1, True, None, float("nan"), [], "1e400"])
def test_bad_quantities(bad: object) -> None:
    """What is no quantity is an error that does not show the value."""
    for parse in (parse_duration, parse_size):
        with pytest.raises(ValueError, match=r"^not a (duration|size): write"):
            parse(bad)
