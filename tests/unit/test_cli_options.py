"""`name=value` options."""

from __future__ import annotations

import pytest
import typer

from worker.cli import options


def test_a_value_may_hold_equals_signs() -> None:
    """Only the first `=` divides."""
    assert options.pairs(["a=b=c", "d="], "--param") == {"a": "b=c", "d": ""}


@pytest.mark.parametrize("bad", ["a", "=b", ""])
def test_a_pair_needs_a_name_and_an_equals_sign(bad: str) -> None:
    """Anything else is a usage error."""
    with pytest.raises(typer.BadParameter):
        options.pairs([bad], "--param")


@pytest.mark.parametrize("bad", ["geo=shop.geo", "geo=:f", "geo=m:"])
def test_a_function_is_module_and_attribute(bad: str) -> None:
    """`--function name=module:attribute`, all three."""
    with pytest.raises(typer.BadParameter):
        options.functions([bad])
