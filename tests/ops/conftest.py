"""What these tests need of the machine: a Prometheus, an engine that answers and our image built by it; and the compose file as a document."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import cannot_run
from worker.embedded.docker import docker_answers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The compose file's services; merge keys are resolved."""
    services: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return services


@pytest.fixture(scope="session")
def image(compose: dict[str, Any]) -> str:
    """The name of the worker's image, built from the Dockerfile under the compose file's tag; it stays, for the next build's cache."""
    if not docker_answers():
        cannot_run("no Docker engine answers: the image and the stack cannot be tried")
    from testcontainers.core.image import DockerImage

    tag: str = compose["worker"]["image"]
    DockerImage(path=ROOT, tag=tag, clean_up=False).build()
    return tag


@pytest.fixture(scope="session")
def binary() -> str:
    """The Prometheus on PATH."""
    found = shutil.which("prometheus")
    if found is None:
        cannot_run("no prometheus on PATH (Debian: apt install prometheus): no panel can be asked for its answer")
    assert found is not None
    return found
