"""How many mistakes `check` reports: `python -m benchmarks.mutations MACHINE...` prints a table by kind of mistake."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutants import mutants
from fsm_core.casebook import parse_cases
from fsm_core.checks import check
from fsm_core.definition import Finding
from fsm_core.document import load_document, parse
from fsm_core.document.reading import Document
from fsm_core.engine.machine import Machine
from fsm_core.errors import DocumentError

_RECORDS = 80
_BROKEN = "does not load"
NOW = 1767225610.0
_LINE = '203.0.113.9 - - [10/Oct/2025:13:55:36 +0200] "GET /a?x=1 HTTP/1.1" {} 2326 "-" "Mozilla/5.0"'
_GOOD: dict[str, list[Any]] = {
    "at": ["2026-01-01T00:00:00Z"], "created": ["2026-01-01"], "ordered_at": ["03.02.2026"], "line": [_LINE.format(200), _LINE.format(503), "GET /healthz HTTP", "x"],
    "qty": [2, "2"], "price": [9.5, "9.50"], "agent": ["Mozilla Mobile", "Googlebot"], "type": ["paid", "cancelled", "other"], "mail": ["A@b.c"], "uid": [7],
    "query": ["utm_campaign=a"], "path": ["/shop/1"], "category": ["BOOKS", "x"], "active": [0, 1], "ms": [5, 2000], "unit": ["F", "C"], "amount": [19.9, -1],
}
"""Values that a field of that name has in good records."""


def study(sources: Sequence[Path]) -> tuple[dict[str, Counter[str]], list[str]]:
    """Counts by kind, and what was missed."""
    counts: dict[str, Counter[str]] = {}
    missed = []
    for source in sources:
        document = load_document(source, False)
        records, base = _records(document), _behaviour(document, _records(document))
        known = Counter((f.code, f.message) for f in check(document.content, trusted=False))
        for kind, content in mutants(document.content):
            other = load_document(content, False)
            behaviour = _behaviour(other, records)
            if behaviour == base:
                continue
            new = [f for f in check(content, trusted=False) if (f.code, f.message) not in known and f.code != 900]
            count = counts.setdefault(kind, Counter())
            count.update(_verdict(new))
            if behaviour != _BROKEN:
                count.update(f"loaded {name}" for name in _verdict(new))
            if not [f for f in new if f.code != 500 or f.severity == "error"]:
                missed.append(f"{source}: {kind}")
    return counts, missed


def _verdict(new: list[Finding]) -> list[str]:
    static = [f for f in new if f.code != 500]
    warned = any(f.severity != "info" for f in static)
    tested = any(f.code == 500 and f.severity == "error" for f in new)
    return ["changed", *["warned"] * warned, *["noted"] * bool(static), *["tested"] * tested, *["reported"] * (bool(static) or tested)]


def _records(document: Document) -> list[dict[str, Any]]:
    cases, _ = parse_cases(document)
    names = sorted({n for pair in re.findall(r"data\.([a-z_]+)|data(?:\.get)?[\[(]'([a-z_]+)'", str(document.content)) for n in pair if n}
                   | {n for n in _GOOD if re.search(rf"\b{n}\b", str(document.content))} | {n for c in cases for n in c.given})
    words = re.findall(r"'([A-Za-z]+)'", str(document.content))[:20]
    numbers = [float(n) + d for n in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", str(document.content))[:20] for d in (-1, 0, 1)]
    chance = random.Random(7)
    made = [dict(c.given) for c in cases]
    for i in range(_RECORDS):
        record = {n: chance.choice(_GOOD.get(n) or [5, "x", *words, *numbers]) for n in names}
        if i % 4 == 1 and names:
            record.pop(chance.choice(names))
        elif i % 4 == 2 and names:
            record[chance.choice(names)] = chance.choice([None, "", "x", 0, True])
        made.append(record)
    return made


def _behaviour(document: Document, records: list[dict[str, Any]]) -> Any:
    try:
        machine = Machine(parse(document))
    except DocumentError:
        return _BROKEN
    traces = [machine.process(record, now=NOW) for record in records]
    drops = [machine.definition.states[t.end].reason if t.end else None for t in traces]
    return [(t.end, t.data, t.outcome, t.route, t.failure and (t.failure.reason, t.failure.state, t.failure.message), d)
            for t, d in zip(traces, drops, strict=True)]


def main(sources: Sequence[Path]) -> int:
    """Print the table, then what nothing reports."""
    counts, missed = study(sources)
    print("| mistake | change behaviour | error or warning | with info | by the tests | reported |\n|---|---:|---:|---:|---:|---:|")
    total: Counter[str] = Counter()
    for kind, count in sorted(counts.items()):
        total += count
        print(f"| {kind} | " + " | ".join(str(count[k]) for k in ("changed", "warned", "noted", "tested", "reported")) + " |")
    print("| **all** | " + " | ".join(f"**{total[k]}**" for k in ("changed", "warned", "noted", "tested", "reported")) + " |")
    for what, prefix in (("all", ""), ("those that load", "loaded ")):
        done, of = total[f"{prefix}reported"], total[f"{prefix}changed"]
        print(f"\n{what}: {done} of {of} reported, {100 * done / max(1, of):.1f} %; without tests {total[f'{prefix}noted']}")
    for text, n in Counter(missed).most_common():
        print(f"missed {n} × {text}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main([Path(p) for p in sys.argv[1:]]))
