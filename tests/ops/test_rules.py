"""The alert rules under promtool, Prometheus' own test runner: their tests pass, and notice when a rule is changed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import cannot_run
from tests.unit.fake_view import busy_view
from worker.telemetry.metrics import exposition, registry
from worker.telemetry.table import PREFIX

PROMETHEUS = Path(__file__).parents[2] / "ops" / "prometheus"
RULES = (PROMETHEUS / "rules.yml").read_text(encoding="utf-8")
ALERTS = re.findall(r"^  - alert: (\w+)", RULES, re.MULTILINE)


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        cannot_run("no promtool: install Prometheus (Debian: prometheus) to test the alert rules")
    assert found is not None
    return found


def run(promtool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def alert_text(alert: str) -> str:
    """The rule as it stands in the file."""
    start = RULES.index(f"- alert: {alert}")
    return RULES[start:RULES.find("\n  - alert:", start)] if alert != ALERTS[-1] else RULES[start:]


def mutants() -> list[tuple[str, str]]:
    """(alert, the rules with that alert's last threshold moved): a number grows, or shrinks to a third."""
    found = []
    for alert in ALERTS:
        text = alert_text(alert)
        expr = re.search(r"expr:.*?(?=\n    (?:for|labels):)", text, re.DOTALL)
        assert expr is not None
        for number in re.finditer(r"(?<= [<>] |== )[\d.]+|(?<===)[\d.]+", expr[0]):
            value = float(number[0])
            for changed in {value * 3 + 2, value / 3} - {value}:
                new = expr[0][:number.start()] + f"{changed:g}" + expr[0][number.end():]
                found.append((alert, RULES.replace(text, text.replace(expr[0], new))))
        waits = re.search(r"for: (\d+)", text)
        if waits:
            found.append((alert, RULES.replace(text, text.replace(waits[0], f"for: {int(waits[1]) * 100}"))))
    return found


MUTANTS = mutants()


def test_configuration_and_rules_are_valid(promtool: str) -> None:
    """promtool accepts the configuration with the rules that it names."""
    answer = run(promtool, "check", "config", PROMETHEUS / "prometheus.yml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_alert_fires_when_it_should_and_only_then(promtool: str) -> None:
    """The rule tests beside the rules pass."""
    answer = run(promtool, "test", "rules", PROMETHEUS / "tests" / "alerts.yml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=[f"{alert}-{i}" for i, (alert, _) in enumerate(MUTANTS)])
def test_a_moved_threshold_is_noticed(promtool: str, number: int, tmp_path: Path) -> None:
    """Whoever changes a threshold or a duration has to change a test."""
    alert, changed = MUTANTS[number]
    assert changed != RULES
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules.yml").write_text(changed, encoding="utf-8")
    assert run(promtool, "check", "rules", tmp_path / "rules.yml").returncode == 0
    head, *cases = re.split(r"^(?=- name: )", (PROMETHEUS / "tests" / "alerts.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    own = [case for case in cases if case.startswith(f'- name: "{alert}: ')]
    (tmp_path / "tests" / "alerts.yml").write_text(head + "".join(own), encoding="utf-8")
    assert run(promtool, "test", "rules", tmp_path / "tests" / "alerts.yml").returncode != 0


def test_promtool_accepts_the_exposition(promtool: str) -> None:
    """`promtool check metrics` has nothing to say about the worker's own metrics."""
    done = subprocess.run([promtool, "check", "metrics"], input=exposition(registry(busy_view())), capture_output=True, timeout=60, check=False)
    own = [line for line in (done.stdout + done.stderr).decode().splitlines() if PREFIX in line or "error" in line.lower()]
    assert own == []
