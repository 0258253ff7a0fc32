"""Fixtures of the tests on a real Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kafka.case import Case, MakeCase, machine


@pytest.fixture
def make_case(kafka: Any, make_topic: Any, tmp_path: Path) -> MakeCase:
    """`make_case(partitions=1, source={}, out={}, dlq={})`: topic settings by role."""

    def make(partitions: int = 1, source: dict[str, str] | None = None, out: dict[str, str] | None = None, dlq: dict[str, str] | None = None) -> Case:
        names = [make_topic(partitions, given, name) for given, name in ((source, "w.in"), (out, "w.out"), (dlq, "w.dlq"))]
        return Case(kafka.bootstrap, *names, tmp_path, {
            "name": "case", "machine": machine(), "kafka": {"bootstrap_servers": kafka.bootstrap, "group_id": names[0]}, "input": {"topics": [names[0]]},
            "output": {"topic": names[1]}, "dead_letter": {"topic": names[2], "breaker": {"action": "off"}}})

    return make
