"""Messages show code as its author wrote it."""

from __future__ import annotations

import ast

import pytest

from fsm_core.checks.writing import written


@pytest.mark.parametrize(("made", "text"), [
    ("data['a']['b'] + 1", "data.a.b + 1"), ("data['user-agent']['x']", "data['user-agent'].x"), ("data['from']", "data['from']"), ("{'x': 1}['x']", "{'x': 1}['x']"),
    ("_fsm_coalesce(lambda: _fsm_read(data, ('a', 0)), lambda: 1) > 2", "coalesce(data.a[0], 1) > 2")])
def test_code_is_shown_as_written(made: str, text: str) -> None:
    """Dots for fields, helpers by their names."""
    assert written(ast.parse(made, mode="eval").body) == text
