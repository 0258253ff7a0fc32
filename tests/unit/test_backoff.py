"""Waits grow, are capped, and begin anew after a success."""

from worker.delivery.backoff import Backoff


def test_waits_grow_up_to_the_cap_and_reset() -> None:
    """Exponential without jitter; no number of tries overflows."""
    b = Backoff(0.1, 2, 1.0, "none")
    assert [b.next() for _ in range(5)] == [0.1, 0.2, 0.4, 0.8, 1.0]
    for _ in range(5000):
        assert b.next() == 1.0
    b.reset()
    assert b.next() == 0.1


def test_jitter_stays_between_half_the_first_wait_and_the_ceiling() -> None:
    """Never zero, never above the cap."""
    b = Backoff(0.1, 2, 1.0)
    assert all(0.05 <= b.next() <= 1.0 for _ in range(200))
