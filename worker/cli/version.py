"""`fsm-worker version`: which version this is."""

from __future__ import annotations

import json
import platform
from typing import Annotated

import typer

from fsm_core import __version__


def version(json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Print the version.

    Example: fsm-worker version --json
    """
    python = platform.python_version()
    print(json.dumps({"version": __version__, "python": python}) if json_ else f"fsm-worker {__version__} (Python {python})")
