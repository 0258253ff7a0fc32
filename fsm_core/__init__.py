"""The state machine behind the worker: pure, no Kafka. Names are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsm_core.checks import check
    from fsm_core.definition import Definition, Finding
    from fsm_core.engine.batch import SOURCE, BatchResult, Failure, Meta, Output
    from fsm_core.engine.machine import Machine
    from fsm_core.errors import AsyncMachineError, DocumentError, FsmError, SinkError, SourceError
    from fsm_core.loading import load
    from fsm_core.simple import AsyncSimpleFSM, SimpleFSM
    from fsm_core.streams import Chain, CoreStreamConfig

__version__ = "0.1.0"
__all__ = [
    "SOURCE", "AsyncMachineError", "AsyncSimpleFSM", "BatchResult", "Chain", "CoreStreamConfig", "Definition", "DocumentError",
    "Failure", "Finding", "FsmError", "Machine", "Meta", "Output", "SimpleFSM", "SinkError", "SourceError", "check", "load",
]
_HOMES = {
    "fsm_core.checks": ("check",),
    "fsm_core.definition": ("Definition", "Finding"),
    "fsm_core.engine.batch": ("SOURCE", "BatchResult", "Failure", "Meta", "Output"),
    "fsm_core.engine.machine": ("Machine",),
    "fsm_core.errors": ("AsyncMachineError", "DocumentError", "FsmError", "SinkError", "SourceError"),
    "fsm_core.loading": ("load",),
    "fsm_core.simple": ("AsyncSimpleFSM", "SimpleFSM"),
    "fsm_core.streams": ("Chain", "CoreStreamConfig"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'fsm_core' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
