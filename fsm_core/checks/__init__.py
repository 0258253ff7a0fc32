"""Static checks over machine documents."""

from fsm_core.checks.checking import check, check_document, warnings_of

__all__ = ["check", "check_document", "warnings_of"]
