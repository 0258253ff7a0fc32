"""How the demo talks: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from worker.demo.audit import Audit
from worker.demo.watch import DeadLetter, Progress


class Screen(Protocol):
    """What the demo has to say."""

    def step(self, text: str) -> None: ...
    def page(self, url: str) -> None: ...
    def progress(self, second: int, now: Progress, dead: Sequence[DeadLetter]) -> None: ...
    def audit(self, result: Audit) -> None: ...


class TextScreen:
    """For people, on stdout."""

    def step(self, text: str) -> None:
        print(text, flush=True)

    def page(self, url: str) -> None:
        print(f"live page: {url}", flush=True)

    def progress(self, second: int, now: Progress, dead: Sequence[DeadLetter]) -> None:
        print(f"{second:3d} s  fed {now.fed:>7,}  done {now.committed:>7,}  produced {now.produced:>7,}  "
              f"dead letters {now.dead_lettered:>5,}", flush=True)
        for letter in dead:
            print(f"         dead letter {letter.id}: {letter.reason}: {letter.message[:90]}", flush=True)

    def audit(self, result: Audit) -> None:
        print(result, flush=True)


class JsonScreen:
    """For programs: events on stdout, steps on stderr."""

    def step(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def page(self, url: str) -> None:
        print(json.dumps({"event": "page", "url": url}), flush=True)

    def progress(self, second: int, now: Progress, dead: Sequence[DeadLetter]) -> None:
        line = {"event": "progress", "second": second, **asdict(now), "dead_letters": [asdict(letter) for letter in dead]}
        print(json.dumps(line), flush=True)

    def audit(self, result: Audit) -> None:
        print(json.dumps(result.as_dict()), flush=True)
