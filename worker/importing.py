"""Functions that a worker file or an option names, and where their modules are looked for."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


def import_from(directory: Path, target: str) -> Any:
    """What `module:attribute` names, the directory searched last; raises what the import raises.

    Last, so that no file there stands in for a module of Python's or of a package; and for good, as a module may import its
    neighbours when it is called.
    """
    search_last(directory)
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def search_last(directory: Path) -> None:
    """Look for modules in this directory, too."""
    place = str(directory.resolve())
    if place not in sys.path:
        sys.path.append(place)
