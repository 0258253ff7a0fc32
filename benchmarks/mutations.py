"""How many mistakes `check` reports: `python -m benchmarks.mutations [MACHINE...]` prints a table by kind of mistake.

Without arguments: every machine of examples/.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutant_records import Batch, batches, customer
from benchmarks.mutants import mutants
from benchmarks.mutants_of_yaml import changed_texts
from fsm_core.checks import check_document
from fsm_core.definition import Finding
from fsm_core.document import load_document, parse
from fsm_core.document.reading import Document, read_text
from fsm_core.engine.machine import Machine
from fsm_core.engine.protocol import Call, perform_at_once
from fsm_core.errors import DocumentError

EXAMPLES = Path(__file__).parents[1] / "examples"
_BROKEN = "does not load"
_NO_REPORT = frozenset([214, 420, 900])
"""Codes that tell how a machine is run, and not of a mistake."""
_FUNCTIONS = {"customer": customer}
_COLUMNS = ("changed", "warned", "noted", "tested", "reported")


def study(sources: Sequence[Path]) -> tuple[dict[str, Counter[str]], list[str]]:
    """Counts by kind, and what was missed."""
    counts: dict[str, Counter[str]] = {}
    missed = []
    for source in sources:
        document = load_document(source, False)
        records = batches(document)
        base, known = _behaviour(document, records), Counter((f.code, f.severity, f.message) for f in check_document(document, _FUNCTIONS))
        for kind, other in _mutants(document, source):
            try:
                behaviour, found = _behaviour(other, records), check_document(other, _FUNCTIONS)
            except Exception as error:
                raise RuntimeError(f"{kind}: {source}: {_difference(document.content, other.content)}") from error
            if behaviour == base:
                continue
            new = [f for f in found if (f.code, f.severity, f.message) not in known and f.code not in _NO_REPORT]
            count, verdict = counts.setdefault(kind, Counter()), _verdict(new)
            count.update(verdict)
            if behaviour != _BROKEN:
                count.update(f"loaded {name}" for name in verdict)
            if "reported" not in verdict:
                missed.append(f"{kind}: {source.parent.name}/{source.name}: {_difference(document.content, other.content)}")
            elif "noted" not in verdict:
                missed.append(f"(only by a test) {kind}: {source.parent.name}/{source.name}: {_difference(document.content, other.content)}")
    return counts, missed


def _mutants(document: Document, source: Path) -> Iterator[tuple[str, Document]]:
    for kind, content in mutants(document.content):
        yield kind, load_document(content, False)
    for kind, text in changed_texts(source.read_text(encoding="utf-8")):
        yield kind, read_text(text, str(source))


def _verdict(new: list[Finding]) -> list[str]:
    static = [f for f in new if f.code != 500]
    warned = any(f.severity != "info" for f in static)
    tested = any(f.code == 500 and f.severity == "error" for f in new)
    return ["changed", *["warned"] * warned, *["noted"] * bool(static), *["tested"] * tested, *["reported"] * (bool(static) or tested)]


def _behaviour(document: Document, records: Sequence[Batch]) -> Any:
    try:
        machine = Machine(parse(document, _FUNCTIONS))
    except DocumentError:
        return _BROKEN
    came = []
    for batch in records:
        step = machine.start(batch.values, [batch.meta] * len(batch.values), batch.now)
        while isinstance(step, Call):
            step = step.answer(perform_at_once(step.pending))
        result = step.result
        failures = [(at, f.reason, f.state, f.message) for at, f in result.failures]
        came.append((list(result.ends), [(at, route, _value(value), *rest) for at, route, value, *rest in result.rows], failures, dict(result.drops)))
    return came


def _value(value: bytes | None) -> Any:
    """An output without the order of its keys."""
    return None if value is None else json.loads(value)


def _difference(a: Any, b: Any, path: str = "") -> str:
    """Where two documents first differ."""
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        return next((found for k in a if (found := _difference(a[k], b[k], f"{path}/{k}"))), "")
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next((found for i in range(len(a)) if (found := _difference(a[i], b[i], f"{path}/{i}"))), "")
    return "" if repr(a) == repr(b) else f"{path}: {a!r:.150} > {b!r:.150}"


def main(sources: Sequence[Path]) -> int:
    """Print the table, then what nothing but a test, or nothing at all, reports."""
    counts, missed = study(sources)
    print("| mistake | change behaviour | error or warning | with info | by the tests | reported |\n|---|---:|---:|---:|---:|---:|")
    total: Counter[str] = Counter()
    for kind, count in sorted(counts.items()):
        total += count
        print(f"| {kind} | " + " | ".join(str(count[k]) for k in _COLUMNS) + " |")
    print("| **all** | " + " | ".join(f"**{total[k]}**" for k in _COLUMNS) + " |")
    for what, prefix in (("all", ""), ("those that load", "loaded ")):
        of, done, alone = (max(1, total[prefix + k]) for k in ("changed", "reported", "noted"))
        print(f"\n{what}: {done} of {of} reported, {100 * done / of:.1f} %; without the tests {alone}, {100 * alone / of:.1f} %")
    shares = [c["reported"] / c["changed"] for c in counts.values()]
    print(f"\nmean over the {len(shares)} kinds: {100 * sum(shares) / max(1, len(shares)):.1f} %, the least {100 * min(shares, default=0):.0f} %")
    for text, n in Counter(missed).most_common():
        print(f"missed {n} × {text}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main([Path(p) for p in sys.argv[1:]] or sorted({p.resolve() for p in EXAMPLES.glob("*/*.yaml") if p.name != "worker.yaml"})))
