"""An audit's books: a bit an offset, and every wrong by its name."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_core import load
from fsm_core.definition import Definition
from worker.runtime.ports import Partition
from worker.tools.accounts import Accounts, Books
from worker.tools.letters import Letter, Wanted
from worker.tools.marks import Marks, MarksFull
from worker.tools.purity import clocked, impure

IN, OUT, DEAD = Partition("in", 0), Partition("out", 0), Partition("dlq", 0)


def accounts(begin: int = 0, end: int = 100) -> Accounts:
    return Accounts({IN: (begin, end)})


@given(st.sets(st.integers(100, 400)), st.integers(100, 120), st.integers(300, 401))
def test_what_is_missing_is_exactly_what_was_not_marked(marked: set[int], begin: int, end: int) -> None:
    """Whatever was marked, in whatever order."""
    books = Books(begin, end)
    for offset in marked:
        if begin <= offset < end:
            assert books.mark(offset) and not books.mark(offset)
    assert [o for a, b in books.missing() for o in range(a, b)] == [o for o in range(begin, end) if o not in marked]


def test_a_hundred_million_offsets_take_a_bit_each() -> None:
    """12.5 MB and a note a block; a full range is walked in a moment."""
    books = Books(0, 100_000_000)
    assert len(books.seen) + len(books.blocks) < 13_000_000
    books.seen[:] = b"\xff" * len(books.seen)
    started = time.process_time()
    assert list(books.missing()) == []
    assert time.process_time() - started < 20


def test_children_are_told_apart() -> None:
    """Two children are one outcome; one child twice is doubled; one missing leaves the parent open."""
    books = accounts()
    for child in ((0, 2), (1, 2)):
        books.output(OUT, 1, IN, 5, "d", child, False)
    assert books.books[IN].has(5) and not books.findings.bad
    books.output(OUT, 3, IN, 5, "d", (1, 2), False)
    books.output(OUT, 4, IN, 6, "d", (0, 2), False)
    assert books.findings.bad == {"doubled": 1} and not books.books[IN].has(6)


def test_an_output_and_a_dead_letter_are_doubled() -> None:
    """One input, two outcomes; but a refused child's parent dies beside its siblings, and a redriven one has its letter."""
    books = accounts()
    books.output(OUT, 0, IN, 1, "d", None, False)
    books.dead_letter(DEAD, 0, IN, 1, "d", b"k")
    assert books.findings.bad == {"doubled": 1}
    books.output(OUT, 1, IN, 2, "d", (0, 2), False)
    books.dead_letter(DEAD, 1, IN, 2, "d", b"k")
    books.output(OUT, 2, IN, 3, "d", None, True)
    books.dead_letter(DEAD, 2, IN, 3, "d", b"k")
    assert books.findings.bad == {"doubled": 1} and books.findings.redriven == 1


def test_order_is_of_first_occurrences() -> None:
    """A repetition is doubled, not out of order; dead letters are held to it by key."""
    books = accounts()
    for offset in (1, 2, 3, 2, 4):
        books.output(OUT, offset, IN, offset, "d", None, False)
    assert books.findings.bad == {"doubled": 1}
    books.output(OUT, 9, IN, 0, "d", None, False)
    assert books.findings.bad["out of order"] == 1
    for offset, key in ((20, b"a"), (10, b"b"), (11, b"a")):
        books.dead_letter(DEAD, offset, IN, offset, "d", key)
    assert books.findings.bad["out of order"] == 2


def test_neighbours_say_which_machine_ran() -> None:
    """Inside the range, and at its edges."""
    books = accounts(1000, 100_000)
    books.output(OUT, 0, IN, 2000, "old", None, False)
    books.output(OUT, 1, IN, 90_000, "new", None, False)
    assert books.books[IN].near(50_000) == {"old", "new"} and books.books[IN].near(99_999) == {"new"}
    edge = accounts(1000, 2000)
    edge.output(OUT, 0, IN, 900, "old", None, False)
    edge.output(OUT, 1, IN, 2001, "new", None, False)
    assert edge.books[IN].near(1500) == {"old", "new"} and edge.findings.outputs == 0


@given(st.integers(0, 1 << 40), st.sets(st.integers(0, 3000)))
def test_marks_come_back_as_they_were_written(base: int, above: set[int]) -> None:
    """Every offset below the base, and exactly those above it."""
    marks = Marks(base, {base + o for o in above})
    again = Marks.read(*marks.write())
    assert again == marks and all(base + o in again for o in above) and (base == 0 or base - 1 in again)


def test_marks_that_are_scattered_too_widely_are_refused() -> None:
    """Rather than forgotten: a letter might go back twice."""
    import random
    chance = random.Random(1)
    with pytest.raises(MarksFull):
        Marks(0, {chance.randrange(1_000_000) for _ in range(20_000)}).write()


def test_a_letter_knows_what_goes_back() -> None:
    """fsm.* is stripped but for the count, which goes up."""
    headers = [("x", b"\xff"), ("fsm.reason", b"guard"), ("fsm.redrives", b"2"), ("fsm.source.topic", b"t"), ("fsm.source.partition", b"1"), ("fsm.source.offset", b"7")]
    letter = Letter.of(DEAD, SimpleNamespace(offset=3, timestamp=1, key=b"k", value=None, headers=headers))
    assert letter.back() == [("x", b"\xff"), ("fsm.redrives", b"3")] and letter.source == ("t", 1, 7)
    assert letter in Wanted(reasons=["guard"], key=b"k") and letter not in Wanted(reasons=["guard"], key=b"j")


@pytest.mark.parametrize(("condition", "trusted", "pure"), [
    ("data.a == 1", False, True), ("lambda state: state.data['a']", True, False), ("[time for time in data.now] == []", False, True)])
def test_impure_machines_are_known(condition: str, trusted: bool, pure: bool) -> None:
    """Only what gives the same answer again may judge what was dropped."""
    machine = load({"name": "m", "main_network": "main", "networks": [{"name": "main", "states": [
        {"name": "s", "is_start": True}, {"name": "e", "is_end": True}], "arcs": [{"from": "s", "to": "e", "condition": condition}, {"from": "s", "to": "e", "else": True}]}]},
        trusted=trusted)
    assert (impure(machine) == "") is pure


@pytest.mark.parametrize(("document", "states"), [
    ({"set": {"a": "=data.now + state.data.now"}}, set()), ({"set": {"a": "=state.now"}}, {"in"}), ({"let": {"age": "=state.now - data.at"}}, {"in"}),
    ({"functions": {"transform": "lambda state: {'a': state.now}"}}, {"in"}),
])
def test_the_states_that_ask_for_the_time_are_known(document: dict[str, Any], states: set[str]) -> None:
    """A field of that name is no clock."""
    assert clocked(_timed(document)) == states


def test_an_arc_asks_for_the_state_that_it_leaves() -> None:
    """Its condition, that is."""
    assert clocked(_timed({}, condition="state.now > 5")) == {"in"}


def _timed(state: dict[str, Any], condition: str = "data.a") -> Definition:
    states = [{"name": "in", "is_start": True, **state}, {"name": "output", "is_end": True}, {"name": "gone", "is_end": True, "outcome": "drop"}]
    arcs = [{"from": "in", "to": "gone", "condition": condition}, {"from": "in", "to": "output", "else": True}]
    return load({"states": states, "arcs": arcs}, trusted=False).definition
