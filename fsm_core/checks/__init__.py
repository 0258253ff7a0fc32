"""Static checks over machine documents."""

from fsm_core.checks.checking import check, warnings_of

__all__ = ["check", "warnings_of"]
