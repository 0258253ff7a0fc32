"""The breaker opens on a ratio over its window or on failures in a row, and never without cause."""

from types import SimpleNamespace
from typing import Any

from worker.delivery.breaker import Breaker


def breaker(**policy: Any) -> Breaker:
    return Breaker(SimpleNamespace(**{"action": "pause", "max_ratio": 0.5, "window": 10, "max_consecutive": 5, **policy}))


def test_failures_in_a_row_open_it_across_parts() -> None:
    """A run that ends one part and goes on in the next is one run."""
    b = breaker()
    assert not b.observe(4, [2, 3])
    assert b.observe(4, [0, 1, 2])
    assert b.state == "open" and "5 dead letters in a row" in b.why


def test_a_good_record_ends_a_run() -> None:
    """Runs are of neighbours."""
    b = breaker(window=1000)
    assert not any(b.observe(5, [0, 1, 2, 3]) for _ in range(20))


def test_a_ratio_counts_only_once_the_window_is_full() -> None:
    """Few records prove nothing; more than the ratio, not the ratio itself, opens it."""
    b = breaker(max_consecutive=100)
    assert not b.observe(5, [0, 1, 2, 3, 4])
    assert not b.observe(5, [])
    assert b.observe(5, [0, 1, 2, 4]) is False, "the window slid: 4 of 10"
    assert b.observe(5, [0, 2])


def test_off_never_opens() -> None:
    """`action: off` counts nothing."""
    b = breaker(action="off")
    assert not b.observe(1000, range(1000)) and b.state == "closed"


def test_a_probe_starts_from_nothing_and_what_follows_closes_it() -> None:
    """Half-open forgets the past."""
    b = breaker()
    assert b.observe(5, range(5), "lane")
    b.probe()
    assert b.state == "half_open"
    assert not b.observe(5, range(5), "lane"), "what was sent back passes whatever it holds"
    assert b.state == "half_open", "and is no verdict"
    assert not b.observe(3, [0], "lane")
    assert b.state == "closed"


def test_a_bad_probe_opens_it_again_and_passes_at_the_next() -> None:
    """However short it is; each resume gets a slice further, so nobody is stuck before bad records for ever."""
    b = breaker()
    b.observe(5, range(5), "lane")
    for _ in range(3):
        b.probe()
        assert not b.observe(5, range(5), "lane")
        assert b.observe(2, [0, 1], "lane") and b.state == "open"
        assert "2 of the 2" in b.why


def test_only_what_was_sent_back_passes() -> None:
    """Another lane's slice is judged, and does not use up the pass."""
    b = breaker()
    b.observe(5, range(5), "a")
    assert b.observe(1, [], "b"), "an open breaker sends everything back"
    b.probe()
    assert b.observe(4, [0, 1, 2], "c") and b.state == "open"
    assert b.observe(5, [], "a")
    b.probe()
    assert not b.observe(5, range(5), "a") and not b.observe(5, range(5), "c")
    assert not b.observe(5, range(5), "b"), "a pass that was not used is kept"
    assert not b.observe(4, [], "b") and b.state == "closed"
