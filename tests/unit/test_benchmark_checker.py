"""The benchmark's checker: a figure counts only if it would have noticed a bad result."""

from __future__ import annotations

import orjson
import pytest

from benchmarks.checker import Checker, Verdict
from benchmarks.job import Order, orders, price

COUNT = 3000
Result = tuple[bool, bytes, bytes]


def results() -> list[Result]:
    """What a right worker writes: (is it a dead letter, key, value)."""
    return [(priced is None, order.key, priced or order.value) for order in orders(COUNT) for priced in [price(order.value)]]


def judge(found: list[Result]) -> Verdict:
    checker = Checker(COUNT)
    for dead, key, value in found:
        (checker.dead_letter if dead else checker.output)(key, value)
    return checker.verdict()


def first(found: list[Result], dead: bool) -> int:
    return next(i for i, result in enumerate(found) if result[0] is dead)


def test_the_input_is_what_the_page_says() -> None:
    """About 163 bytes, 1 % bad, 0.1 % broken, and the same at every call."""
    made: list[Order] = list(orders(20_000))
    assert made == list(orders(20_000))
    assert 155 < sum(len(order.value) for order in made) / len(made) < 171
    assert 0.009 < sum(order.fields is None for order in made) / len(made) < 0.013


def test_right_results_are_clean() -> None:
    """The order of results does not matter."""
    assert judge(results()[::-1]).clean


@pytest.mark.parametrize("dead", [False, True])
def test_missing_and_doubled_are_counted(dead: bool) -> None:
    """A result left out is missing, a result written twice is doubled, on both topics."""
    found = results()
    at = first(found, dead)
    assert judge(found[:at] + found[at + 1:]) == Verdict(1, 0, 0)
    assert judge([*found, found[at]]) == Verdict(0, 1, 0)


@pytest.mark.parametrize("change", [{"total": 0.0}, {"tier": "middle"}, {"processed": False}, {"note": "other"}, {"extra": 1}])
def test_a_wrong_output_is_counted(change: dict[str, object]) -> None:
    """Each field of an output is compared with its source."""
    found = results()
    at = first(found, dead=False)
    _, key, value = found[at]
    found[at] = (False, key, orjson.dumps({**orjson.loads(value), **change}))
    assert judge(found) == Verdict(0, 0, 1)


@pytest.mark.parametrize("dead", [False, True])
def test_a_wrong_key_is_counted(dead: bool) -> None:
    """Results keep the key of their source."""
    found = results()
    at = first(found, dead)
    found[at] = (dead, b"x", found[at][2])
    assert judge(found) == Verdict(0, 0, 1)


def test_a_result_in_the_wrong_topic_is_wrong_and_missing() -> None:
    """Neither a dead letter among the outputs nor the reverse passes."""
    found = results()
    for dead in (True, False):
        at = first(found, dead)
        found[at] = (not dead, *found[at][1:])
        assert judge(found) == Verdict(1, 0, 1)
        found = results()
