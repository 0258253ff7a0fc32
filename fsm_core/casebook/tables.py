"""A test with a `table`: the shared test once per row, with the row's cells where the columns say."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from fsm_core.document.composing import step
from fsm_core.document.report import Report
from fsm_core.document.templates import parse_path

_OF_THE_TEST = ("given", "meta", "now", "params", "calls")
_WHOLE = ("now", "state", "reason", "message", "route", "key")


def expand(report: Report, node: Mapping[str, Any], pointer: str, expectations: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    """The number and the test of each row; a short row leaves its last columns unsaid."""
    table = report.object(node["table"], pointer, "`table`")
    report.keys(table, pointer, ("columns", "rows"))
    columns = [_column(report, text, step(f"{pointer}/columns", i), expectations)
               for i, text in enumerate(report.list(table.get("columns"), f"{pointer}/columns", "`columns`"))]
    rows = report.list(table.get("rows"), f"{pointer}/rows", "`rows`")
    if not columns or not rows:
        report.say(112, "a table needs `columns` and `rows`", pointer)
    tests = []
    for i, row in enumerate(rows):
        cells = report.list(row, step(f"{pointer}/rows", i), "a row")
        if len(cells) > len(columns):
            report.say(112, f"a row of {len(cells)} cells under {len(columns)} columns", step(f"{pointer}/rows", i))
        test: Any = {key: value for key, value in node.items() if key != "table"}
        for path, cell in zip(columns, cells, strict=False):
            test = _put(test, path, cell) if path else test
        tests.append((i, test))
    return tests


def _column(report: Report, text: Any, pointer: str, expectations: Sequence[str]) -> tuple[str, ...]:
    path = parse_path(text) if isinstance(text, str) else None
    if path is None:
        report.say(112, f"{text!r} is no column", pointer, "write given.name, state, data.name")
        return ()
    known = (*_OF_THE_TEST, *expectations)
    if path[0] not in known:
        near = difflib.get_close_matches(path[0], known, 1)
        report.say(100, f"unknown column `{text}`", pointer, f"did you mean `{near[0]}`?" if near else "one of " + ", ".join(known))
        return ()
    if len(path) > 1 and path[0] in _WHOLE:
        report.say(112, f"`{path[0]}` has no parts", pointer)
        return ()
    return path if path[0] in _OF_THE_TEST else ("expect", *path)


def _put(value: Any, path: tuple[str, ...], cell: Any) -> Any:
    """A copy of the test with a cell at a path."""
    if not path:
        return cell
    here = value if isinstance(value, dict) else {}
    return {**here, path[0]: _put(here.get(path[0]), path[1:], cell)}
