"""A machine's own tests: what its document says under `tests:`, read and run."""

from fsm_core.casebook.answers import Unanswered, is_whole, with_answers
from fsm_core.casebook.parsing import Case, parse_cases
from fsm_core.casebook.running import CaseResult, run_tests, untaken_arcs

__all__ = ["Case", "CaseResult", "Unanswered", "is_whole", "parse_cases", "run_tests", "untaken_arcs", "with_answers"]
