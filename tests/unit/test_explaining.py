"""One record step by step: what is told of it, in the terminal, as JSON and as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import CliRunner, Result

from fsm_core import load
from fsm_core.explaining import changes, story_of
from fsm_core.explaining.page import page
from worker.cli.app import app

MACHINE = """
name: Orders
description: Orders come in
states:
- {name: row, is_start: true, description: looks first}
- name: priced
  description: counts the money
  functions: {validate: {required: [qty]}}
  set: {total: =data.qty * 2, note: ok}
  on_error: rejected
- {name: output, is_end: true}
- {name: rejected, is_end: true, outcome: error}
- {name: big, is_end: true, route: big}
arcs:
- {from: row, to: priced}
- {from: priced, to: big, condition: data.total > 10}
- {from: priced, to: output, else: true}
"""


def told(record: dict[str, Any]) -> Any:
    """The story of a record."""
    machine = load({**_document(), "name": "Orders"}, trusted=False)
    return story_of(machine.definition, record, machine.explain(record), machine.why_not_fused)


def _document() -> dict[str, Any]:
    from ruamel.yaml import YAML

    made: dict[str, Any] = YAML(typ="safe", pure=True).load(MACHINE)
    return made


def explain(tmp_path: Path, *arguments: str) -> Result:
    """The verb, in this process."""
    (tmp_path / "machine.yaml").write_text(MACHINE)
    return CliRunner().invoke(typer.main.get_command(app), ["explain", str(tmp_path / "machine.yaml"), *arguments])


def test_changes_are_found_inside_objects() -> None:
    """Added, removed and changed, by dotted path; true is not 1."""
    found = changes({"a": 1, "b": {"c": 1, "d": 2}, "e": 1}, {"a": True, "b": {"c": 1, "d": 3, "f": None}})
    assert [(c.kind, c.path, c.before, c.after) for c in found] == [
        ("removed", "e", 1, None), ("changed", "a", 1, True), ("changed", "b.d", 2, 3), ("added", "b.f", None, None)]


def test_a_walk_is_told_state_by_state() -> None:
    """What each state changed, the guard with its value, the way to the next one."""
    story = told({"qty": 3})
    assert [(v.state, v.to) for v in story.visits] == [("row", "priced"), ("priced", "output"), ("output", None)]
    assert [(c.kind, c.path, c.after) for c in story.visits[1].changes] == [("added", "total", 6), ("added", "note", "ok")]
    assert [(g.arc, g.condition, g.value) for g in story.visits[1].guards] == [("priced->big", "data.total > 10", False)]
    assert (story.end, story.outcome, story.failure) == ("output", "output", None)
    assert [v.description for v in story.visits] == ["looks first", "counts the money", ""]


def test_what_is_caught_is_told() -> None:
    """The error that `on_error` sent on, and where to."""
    story = told({})
    assert story.visits[1].error is not None
    assert (story.visits[1].error["reason"], story.visits[1].to) == ("validate", "rejected")
    assert story.failure is not None
    assert story.failure["reason"] == "rejected"


def test_a_failing_state_is_the_last_of_the_story() -> None:
    """Also one that has no note of its own, as it did not get through."""
    document = _document()
    del document["states"][1]["on_error"]
    machine = load(document, trusted=False)
    story = story_of(machine.definition, {}, machine.explain({}))
    assert [v.state for v in story.visits] == ["row", "priced"]
    assert story.end is None
    assert story.failure is not None
    assert story.failure["state"] == "priced"


def test_the_page_is_text_only() -> None:
    """A hostile record is shown, not run; nothing is asked from anywhere."""
    text = page(told({"qty": "<script>alert(1)</script>"}), "def generated(): ...")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert re.findall(r'(?:href|src)="', text) == []


def test_verb_tells_in_text(tmp_path: Path) -> None:
    """States, changes, guard and end; without colours where nobody looks."""
    done = explain(tmp_path, "--record", '{"qty": 6}')
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines() if "total" in line] == [
        ["+", "total", "=", "12"], ["?", "data.total", ">", "10", "is", "true", "(priced->big)"],
        ["out", '{"qty":6,"total":12,"note":"ok"}', "to", "big"]]
    assert "ends in big (output)" in done.stdout
    assert "\x1b" not in done.stdout


def test_verb_reads_a_file_and_answers_in_json(tmp_path: Path) -> None:
    """`@file`; `--html` beside it; `--source` goes into the object."""
    (tmp_path / "record.json").write_text('{"qty": 1}')
    done = explain(tmp_path, "--record", f"@{tmp_path / 'record.json'}", "--json", "--source", "--html", str(tmp_path / "told.html"))
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["end"], [v["state"] for v in answer["visits"]]) == (0, "output", ["row", "priced", "output"])
    assert "def " in answer["source"]
    assert "counts the money" in (tmp_path / "told.html").read_text()


def test_verb_prints_the_generated_code(tmp_path: Path) -> None:
    """Without a record, too."""
    done = explain(tmp_path, "--source")
    assert done.exit_code == 0
    compile(done.stdout, "generated", "exec")


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--record", "{"), 1), (("--record", "[]"), 1), (("--record", "@none"), 2), (("--at", "t:0:1"), 2)])
def test_verb_refuses(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """Usage 2; a record that is none 1."""
    assert explain(tmp_path, *arguments).exit_code == code


CUSTOMERS = Path(__file__).parents[2] / "examples" / "jobs" / "customers.yaml"


@pytest.mark.parametrize(("answer", "end"), [("{return: {segment: gold}}", "ends in output (output)"), ("{raise: ConnectionError}", "ends in parked (output)")])
def test_functions_from_outside_answer_what_is_said(answer: str, end: str) -> None:
    """As in the machine's tests: nothing outside is called, and no retry waits."""
    done = CliRunner().invoke(typer.main.get_command(app), ["explain", str(CUSTOMERS), "--record", '{"customer": "c9"}', "--call", f"customer={answer}"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert end in done.stdout


def test_a_function_that_nobody_answers_for_is_named() -> None:
    """Where the record comes to it, and only there: what its arguments read may fail before."""
    done = CliRunner().invoke(typer.main.get_command(app), ["explain", str(CUSTOMERS), "--record", '{"customer": "c9"}'])
    assert (done.exit_code, "--call customer='{return: …}'" in done.stderr) == (1, True)
    assert CliRunner().invoke(typer.main.get_command(app), ["explain", str(CUSTOMERS), "--record", "{}"]).exit_code == 0


def test_lets_switches_and_children_are_told() -> None:
    """What names stood for, what a switch gave, how many records a fan-out made; an end leads nowhere."""
    machine = load(_document(), trusted=False)
    steps = [{"let": {"qty": 2}, "of": "row"}, {"state": "row", "before": {}, "after": {}}, {"arc": "row->switch", "switch": "data.type", "value": "x", "taken": True},
             {"state": "priced", "before": {}, "after": {}}, {"state": "priced", "fan_out": 2}, {"state": "output", "before": {}, "after": {}},
             {"state": "output", "before": {}, "after": {}}, {"end": "output"}]
    visits = story_of(machine.definition, {}, steps).visits
    assert [(v.state, v.to, v.children) for v in visits] == [("row", "priced", None), ("priced", None, 2), ("output", None, None), ("output", None, None)]
    assert (visits[0].lets, visits[0].guards[0].value) == ({"qty": 2}, "x")


FANNING = """
states:
- {name: lot, is_start: true, fan_out: =data.items}
- {name: output, is_end: true}
- {name: rejected, is_end: true}
arcs:
- {from: lot, to: rejected, condition: data.n < 0}
- {from: lot, to: output, else: true}
"""


@pytest.mark.parametrize("record, said, unsaid", [
    ('{"items": []}', "ends in lot (drop): nothing goes on from here", "the whole record"),
    ('{"items": [{"n": 1}, {"n": -1}]}', "the whole record is the dead letter: nothing that the fan-out made of it is sent", "out {"),
    ('{"items": [{"n": 1}]}', "ends in output (output)", "the whole record"),
])
def test_what_becomes_of_a_fan_out_as_a_whole_is_told(tmp_path: Path, record: str, said: str, unsaid: str) -> None:
    """None made, one of them failed, all sent: in the terminal and on the page."""
    (tmp_path / "lots.yaml").write_text(FANNING)
    shown = CliRunner().invoke(typer.main.get_command(app), ["explain", str(tmp_path / "lots.yaml"), "--record", record, "--html", str(tmp_path / "page.html")])
    assert said in shown.output and unsaid not in shown.output
    assert said in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("now, age", [("1970-01-01T00:01:40Z", "90.0"), ("20.5", "10.5"), ("soon", "'soon' is neither a time")])
def test_a_record_is_explained_at_the_time_that_now_says(tmp_path: Path, now: str, age: str) -> None:
    """A machine that asks for the time can be seen at any."""
    (tmp_path / "ages.yaml").write_text("states:\n- {name: output, is_start: true, is_end: true, set: {age: =state.now - data.at}}\n")
    shown = CliRunner().invoke(typer.main.get_command(app), ["explain", str(tmp_path / "ages.yaml"), "--record", '{"at": 10}', "--now", now])
    assert age in shown.output


@pytest.mark.parametrize("formula, words", [
    ("data.text.x", "a field is read of a text, which has none"), ("data.none.x", "a field is read of null, which has none"),
    ("data.list.x", "a field is read of a list, which has places"), ("data.text < 1", "a text is compared with a number (to_number"),
    ("data.none * 2", "null is reckoned with a number (to_number"), ("data.none - 2", "null is reckoned with a number"), ("[x for x in data.none]", "null is gone through as a list"),
])
def test_what_python_says_of_types_is_put_in_words(tmp_path: Path, formula: str, words: str) -> None:
    """Beside Python's own, which the dead letter has: in the terminal and on the page."""
    (tmp_path / "m.yaml").write_text(json.dumps({"states": [{"name": "output", "is_start": True, "is_end": True, "set": {"a": f"={formula}"}}]}))
    record = '{"text": "a", "none": null, "list": [1]}'
    shown = CliRunner().invoke(typer.main.get_command(app), ["explain", str(tmp_path / "m.yaml"), "--record", record, "--html", str(tmp_path / "page.html")])
    assert f"that is, {words}" in shown.output and "TypeError" in shown.output
    assert f"that is, {words}" in (tmp_path / "page.html").read_text()
