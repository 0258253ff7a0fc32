"""`fsm-worker test`: a machine's own tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import options
from worker.cli.exit_codes import Exit

if TYPE_CHECKING:
    from fsm_core.casebook import CaseResult


def test(
    machines: Annotated[list[Path], typer.Argument(metavar="MACHINE...", help="Machine documents.", exists=True, dir_okay=False, readable=True)],
    trust: Annotated[bool, typer.Option("--trust", help="Run as trusted documents.")] = False,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Override a param of the machine.")] = None,
    function: Annotated[list[str] | None, typer.Option("--function", metavar="NAME=MODULE:ATTR", help="A function that a safe machine may call.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the tests that stand in a machine's document, and name the arcs that none of them takes.

    Example: fsm-worker test orders.yaml --param late_after=60
    """
    params, functions = options.params(param), options.functions(function)
    answers = [_of_machine(path, options.trusted(trust), functions, params, quiet=json_) for path in machines]
    ok = all(answer["ok"] for answer in answers)
    if json_:
        print(json.dumps({"ok": ok, "machines": answers}))
    raise typer.Exit(Exit.OK if ok else Exit.ERRORS)


def _of_machine(path: Path, trust: bool, functions: dict[str, Any], params: dict[str, Any], quiet: bool) -> dict[str, Any]:
    from fsm_core.casebook import parse_cases, run_tests, untaken_arcs
    from fsm_core.document import examine, load_document
    from fsm_core.engine.machine import Machine
    from fsm_core.errors import DocumentError

    try:
        document = load_document(path, trust)
        definition, findings = examine(document, functions, params)
        cases, more = parse_cases(document)
        if definition is None or more:
            raise DocumentError([f for f in [*findings, *more] if f.severity == "error"])
    except DocumentError as error:
        if not quiet:
            print(error, file=sys.stderr)
        return {"machine": str(path), "ok": False, "tests": [], "untaken": [], "findings": [f.as_dict() for f in error.findings]}
    results = run_tests(Machine(definition), cases)
    untaken = [arc.name for arc in untaken_arcs(definition, results)]
    if not quiet:
        _print(path, results, untaken, len(untaken_arcs(definition, [])))  # each way of a switch is one
    return {"machine": str(path), "ok": all(r.passed for r in results), "tests": [_as_dict(r) for r in results], "untaken": untaken, "findings": []}


def _print(path: Path, results: list[CaseResult], untaken: list[str], arcs: int) -> None:
    if not results:
        print(f"{path}: no tests")
        return
    for result in results:
        print(f"ok    {result.name}" if result.passed else f"FAIL  {result.name} ({result.mark})")
        for line in () if result.passed else result.lines():
            print(f"      {line}")
    failed = sum(not r.passed for r in results)
    print(f"{path}: {len(results) - failed} passed, {failed} failed; tests take {arcs - len(untaken)} of {arcs} arcs"
          + (f", none takes {', '.join(untaken)}" if untaken else ""))


def _as_dict(result: CaseResult) -> dict[str, Any]:
    failure = result.failure
    return {"name": result.name, "passed": result.passed, "line": result.mark.line, "pointer": result.mark.pointer, "path": result.path,
            "mismatches": [{"where": m.where, "expected": m.expected, "came": m.came} for m in result.mismatches],
            "failure": None if failure is None else {"reason": failure.reason, "state": failure.state, "function": failure.function,
                                                     "error": failure.error, "message": failure.message}}
