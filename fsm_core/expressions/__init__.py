"""Logic as text: parsed, judged by an allow-list, rewritten to plain Python."""

from fsm_core.expressions.guarding import insert_guards
from fsm_core.expressions.namespace import build, executable, make_namespace, namespace
from fsm_core.expressions.parsing import NotCode, parse_code
from fsm_core.expressions.rewrite import path_of, rewrite_formula
from fsm_core.expressions.safety import judge

__all__ = ["NotCode", "build", "executable", "insert_guards", "judge", "make_namespace", "namespace", "parse_code", "path_of",
           "rewrite_formula"]
