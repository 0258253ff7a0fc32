"""What a machine's own tests say: those that fail, and the arcs that none takes."""

from __future__ import annotations

from collections.abc import Iterator

from fsm_core.casebook import Case, run_tests, untaken_arcs
from fsm_core.definition import Definition, Finding
from fsm_core.engine.machine import Machine


def run_findings(definition: Definition, cases: list[Case]) -> Iterator[Finding]:
    """Findings 420: what is called as it is written; 500: an error for a test that fails, info for an arc that no test takes."""
    machine = Machine(definition)
    for name, why in dict.fromkeys(machine.why_not_fused):
        state = definition.states.get(name)
        yield Finding(420, "info", f"'{name}' is not fused: {why}", definition.mark if state is None else state.mark)
    if not cases:
        return
    results = run_tests(machine, cases)
    for result in results:
        if not result.passed:
            yield Finding(500, "error", f"the test '{result.name}' failed: " + "; ".join(result.lines()), result.mark)
    for arc in untaken_arcs(definition, results):
        yield Finding(500, "info", f"no test takes the arc {arc.name}", arc.mark)
