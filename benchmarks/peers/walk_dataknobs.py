"""The streaming page's machine, as the page writes it, in dataknobs-fsm: one `process` a record."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import orjson

from benchmarks.seed import MACHINE

PACKAGE = "dataknobs-fsm"
logging.disable(logging.CRITICAL)
_MACHINE: Any = import_module("dataknobs_fsm.api.simple").SimpleFSM(MACHINE)


def run(values: Sequence[bytes]) -> list[bytes]:
    """The records that reach the output."""
    ended = [_MACHINE.process(orjson.loads(value)) for value in values]
    return [orjson.dumps(one["data"]) for one in ended if one["final_state"] == "output"]
