"""docs/reference.md and docs/worker.md: written from the code, and never older than it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from fsm_core.checks.codes import CODES
from fsm_core.engine.batch import REASONS, Reason
from fsm_core.expressions.library import FUNCTIONS, LAZY_WORDS
from fsm_core.expressions.names import HELPERS
from worker.config import errors

ROOT = Path(__file__).parents[2]


def generator() -> Any:
    """docs/generate.py; `docs` is no package."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said_codes() -> Iterator[int]:
    """The codes that the code says."""
    for file in (ROOT / "fsm_core").rglob("*.py"):
        yield from map(int, re.findall(r"\b(?:Finding|_?say)\((?:report, )?([1-9][0-9]{2}),", file.read_text("utf-8")))


@pytest.mark.parametrize(("file", "maker"), [("reference.md", "reference"), ("worker.md", "worker_file")])
def test_the_reference_is_up_to_date(file: str, maker: str) -> None:
    """Whatever changed it: a key's description, a default, a helper, a code, a reason, the name of a conformance case."""
    assert (ROOT / "docs" / file).read_text("utf-8") == getattr(generator(), maker)(), f"docs/{file} is stale: run `make reference` and commit it"


def test_the_table_of_codes_has_every_code_that_is_said() -> None:
    """And no other."""
    assert sorted(CODES) == sorted(set(said_codes()))


def test_the_table_of_the_worker_files_codes_has_every_one() -> None:
    """Those that its module names."""
    assert sorted(errors.CODE_WORDS) == sorted(value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int))


def test_every_reason_and_every_helper_has_its_words() -> None:
    """No name without a sentence, no sentence without a name."""
    assert tuple(REASONS) == get_args(Reason)
    assert {call.split("(")[0] for call in LAZY_WORDS} | set(FUNCTIONS) == HELPERS
    assert all(function.__doc__ for function in FUNCTIONS.values())
