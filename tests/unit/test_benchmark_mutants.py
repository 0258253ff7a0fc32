"""The study of mistakes: it makes mistakes of many kinds, and knows one that matters from one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.mutant_records import batches
from benchmarks.mutants import mutants
from benchmarks.mutants_of_yaml import changed_texts
from benchmarks.mutations import study
from fsm_core.document import load_document

EXAMPLES = Path(__file__).parents[2] / "examples"


def contents(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every mutant of an example."""
    return list(mutants(load_document(EXAMPLES / name, False).content))


def test_each_is_another_machine_of_many_kinds() -> None:
    """No mutant is its original."""
    original = load_document(EXAMPLES / "jobs" / "events.yaml", False).content
    made = contents("jobs/events.yaml")
    assert len({kind for kind, _ in made}) > 40
    assert [kind for kind, content in made if repr(content) == repr(original)] == []


def test_the_text_has_slips_too() -> None:
    """And the tests at its end are left alone."""
    text = (EXAMPLES / "etl" / "machine.yaml").read_text("utf-8")
    slips = list(changed_texts(text))
    assert len({kind for kind, _ in slips}) > 5
    assert all(other != text and other.partition("\ntests:")[2] == text.partition("\ntests:")[2] for _, other in slips)


def test_the_records_are_those_of_the_tests_and_more() -> None:
    """A batch a test, the test's own record first."""
    document = load_document(EXAMPLES / "two_stages" / "clean.yaml", False)
    made = batches(document)
    assert len(made) == len(document.content["tests"]) and all(len(b.values) > 5 for b in made)
    assert made[0].values[0] == b'{"id": 1, "value": "120.5", "category": " books"}'


def test_a_mistake_that_changes_nothing_is_not_counted(tmp_path: Path) -> None:
    """A machine whose condition nobody needs: it is the same without its description, and another without its end."""
    machine = tmp_path / "machine.yaml"
    machine.write_text("states: [{name: a, is_start: true}, {name: b, is_end: true}]\narcs: [{from: a, to: b, description: x}]\n"
                       "tests: [{name: t, given: {n: 1}, expect: {state: b}}]\n")
    counts, missed = study([machine])
    assert counts["missing end"]["reported"] == counts["missing end"]["changed"] == 1
    assert [line for line in missed if "only by a test" not in line] == []
