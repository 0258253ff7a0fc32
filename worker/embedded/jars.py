"""Kafka's jars: resolved once from its Maven coordinates into the user's cache, then only looked up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from worker.embedded.errors import JarsUnavailable

KAFKA_VERSION = "4.3.1"
BROKER = ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION)
LOG_BRIDGE = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4")  # without it the broker's log is empty
_LISTING = "jars.txt"


def cache_dir() -> Path:
    """Where jars and class archives stay between runs."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "fsm-worker" / f"kafka-{KAFKA_VERSION}"


def kafka_jars() -> list[Path]:
    """Every jar of the broker's class path; the first call on a machine fetches about 46 MB."""
    home = cache_dir()
    cached = _listed(home)
    if cached:
        return cached
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home / ".lock"):
        return _listed(home) or _resolve(home)


def _listed(home: Path) -> list[Path]:
    listing = home / _LISTING
    if not listing.exists():
        return []
    jars = [home / line for line in listing.read_text(encoding="utf-8").splitlines()]
    return jars if all(jar.exists() for jar in jars) else []


def _resolve(home: Path) -> list[Path]:
    refusals: list[str] = []
    for fetch in (_with_jgo, _with_maven):
        try:
            jars = fetch(home)
        except Exception as error:  # noqa: BLE001 - a resolver may raise anything; the next way is tried and all are told
            refusals.append(f"{fetch.__name__[6:]}: {error}")
            continue
        whole = home / f"{_LISTING}.new"
        whole.write_text("".join(f"{jar.relative_to(home)}\n" for jar in jars), encoding="utf-8")
        whole.replace(home / _LISTING)
        return jars
    raise JarsUnavailable("cannot fetch Kafka's jars (a network is needed the first time): " + "; ".join(refusals))


def _with_jgo(home: Path) -> list[Path]:
    import jgo  # an extra: only needed until the jars are cached

    # Two resolutions: in one, the bridge's dependency management would replace Kafka's own versions.
    with contextlib.redirect_stdout(sys.stderr):
        broker = jgo.build(":".join(BROKER), cache_dir=home / "jgo").path
        bridge = jgo.build(":".join(LOG_BRIDGE), cache_dir=home / "jgo").path
    return sorted([*broker.rglob("*.jar"), *bridge.rglob(f"{LOG_BRIDGE[1]}-*.jar")])


def _with_maven(home: Path) -> list[Path]:
    maven = shutil.which("mvn")
    if maven is None:
        raise JarsUnavailable("mvn is not on the PATH")
    jars, pom = home / "maven", home / "pom.xml"
    pom.write_text(_pom(), encoding="utf-8")
    command = [maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise JarsUnavailable(f"mvn ended with {done.returncode}: {done.stdout[-1000:]}")
    return sorted(jars.glob("*.jar"))


def _pom() -> str:
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in (BROKER, LOG_BRIDGE)
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>fsm</groupId><artifactId>broker</artifactId><version>1</version>"
        f"<dependencies>{wanted}</dependencies></project>"
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock file, waiting for another process that is fetching the same jars."""
    with path.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
