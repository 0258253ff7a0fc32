"""One stream of events into a file a route; what is refused into a file of its own, with the reason."""

from __future__ import annotations

import sys
from pathlib import Path

from fsm_core import SimpleFSM

HERE = Path(__file__).parent


def main(out: Path) -> None:
    """Route the events into the folder `out`."""
    routes = {route: out / f"{route}.jsonl" for route in ("ledger", "people", "archive")}
    summary = SimpleFSM(HERE / "machine.yaml").process_stream(
        HERE / "events.jsonl", routes, error_sink=out / "rejected.jsonl", dead_letter=out / "dead.jsonl")
    print(", ".join(f"{state}: {count}" for state, count in summary["by_state"].items()), f"malformed: {summary['malformed']}", sep=", ")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
