"""The list of changes that break an invariant keeps up with the code; `python -m benchmarks.invariants` tries them, in minutes."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.breaks import BREAKS, Break
from benchmarks.invariants import ROOT


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: f"{b.invariant} {b.what}")
def test_it_fits_the_code(broken: Break) -> None:
    """Its text stands once in its file, what takes its place is Python, and its tests are there."""
    text = (ROOT / broken.file).read_text(encoding="utf-8")
    assert text.count(broken.find) == 1, "the line was changed: change it in benchmarks/breaks.py too"
    compile(text.replace(broken.find, broken.put), broken.file, "exec")
    for test in broken.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")


def test_every_invariant_is_broken_in_several_ways() -> None:
    """I1 to I10."""
    counts = Counter(b.invariant for b in BREAKS)
    assert counts.keys() == {f"I{n}" for n in range(1, 11)} and min(counts.values()) >= 4
