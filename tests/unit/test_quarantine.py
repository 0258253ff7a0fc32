"""The quarantine's books, record by record."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.delivery.quarantine import Held, Quarantine, name_of


def record(offset: int, key: bytes | None = b"k", back: bool = False) -> Any:
    return SimpleNamespace(offset=offset, key=key, value=b"v", headers=[("fsm.redrives", b"1")] if back else [])


def quarantine(most: int = 100) -> Quarantine:
    return Quarantine("dlq.quarantine", 0, b"g\0t\x000\0", {}, most)


def test_what_follows_is_held_until_as_many_came_back() -> None:
    """One dies, two follow; three come back; what comes after is free. A null key is never held."""
    q = quarantine()
    first = q.rule([record(0), record(1), record(2, None), record(3)], {0, 2})
    assert first.held == [1, 3] and first.changes == {b"k": Held(0, 3, 3)}
    q.keep(first)
    second = q.rule([record(4, back=True), record(5, back=True), record(6)], set())
    assert second.held == [2] and second.changes == {b"k": Held(0, 6, 2)}
    q.keep(second)
    third = q.rule([record(7, back=True), record(8, back=True), record(9)], set())
    assert third.held == [] and third.changes == {b"k": None}
    q.keep(third)
    assert q.keys == {} and [e.value for e in q.entries(third, 1)] == [None]


def test_what_comes_back_and_dies_again_stays_counted() -> None:
    """Its old letter went back, it has a new one."""
    q = quarantine()
    q.keep(q.rule([record(0), record(1)], {0}))
    again = q.rule([record(2, back=True), record(3, back=True)], {0})
    assert again.held == [] and again.changes == {b"k": Held(0, 3, 1)}


def test_a_slice_that_is_seen_again_is_not_counted_again() -> None:
    """After a restart at least once reads again what the books know already."""
    q = quarantine()
    q.keep(q.rule([record(5), record(6)], {0}))
    again = q.rule([record(4), record(5), record(6)], {1})
    assert again.held == [1, 2] and again.changes == {}


def test_more_keys_than_may_be_are_refused() -> None:
    """A slice that releases as many as it adds is not."""
    q = quarantine(most=1)
    q.keep(q.rule([record(0, b"a")], {0}))
    assert q.full(q.rule([record(1, b"b")], {0}))
    assert not q.full(q.rule([record(1, b"a", back=True), record(2, b"b")], {1}))


def test_the_machine_need_not_see_what_is_held_anyway() -> None:
    """But where something of the key comes back in the same slice it may be free by then."""
    q = quarantine()
    q.keep(q.rule([record(0)], {0}))
    assert q.known([record(1), record(2, b"x")]) == {0}
    assert q.known([record(1), record(2, back=True)]) == set()
    assert len(name_of(b"x" * 5000)) < 100


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", None]), st.booleans(), st.booleans()), max_size=40), st.integers(1, 7))
def test_how_the_records_are_sliced_changes_nothing(steps: list[tuple[bytes | None, bool, bool]], size: int) -> None:
    """One slice or many: the same records are held, the same keys stay."""
    records = [record(i, key, back) for i, (key, back, _) in enumerate(steps)]
    dies = {i for i, (_, _, dead) in enumerate(steps) if dead}
    whole, sliced = quarantine(), quarantine()
    ruling = whole.rule(records, dies)
    whole.keep(ruling)
    held = []
    for start in range(0, len(records), size):
        piece = records[start:start + size]
        known = sliced.known(piece)
        part = sliced.rule(piece, {i for i in range(len(piece)) if start + i in dies and i not in known})
        assert known <= set(part.held)
        held += [start + i for i in part.held]
        sliced.keep(part)
    assert held == ruling.held and sliced.keys == whole.keys
