"""What drawing raises on purpose."""

from __future__ import annotations

from fsm_core.errors import FsmError


class NoLayout(FsmError):
    """SVG and HTML are laid out by Graphviz, which is not installed: pip install 'fsm-worker[graph]'. Mermaid and DOT need nothing."""

    def __init__(self) -> None:
        super().__init__(str(type(self).__doc__))
