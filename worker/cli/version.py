"""`fsm-worker version`: which version this is."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Annotated

import typer


def version(json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Print the version.

    Example: fsm-worker version --json
    """
    try:
        number = installed_version("fsm-worker")
    except PackageNotFoundError:
        number = "unknown"
    if json_:
        print(json.dumps({"version": number, "python": platform.python_version()}))
    else:
        print(f"fsm-worker {number} (Python {platform.python_version()})")
