"""Every panel, variable and rule, asked of a real Prometheus that scrapes real workers in every kind of weather."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.chaos.rig import Feed, Topics, Worker, await_true, configuration, workers
from tests.conftest import create_topic
from tests.ops.prometheus import OPS, RATE_INTERVAL, Prometheus, prometheus

pytestmark = pytest.mark.timeout(300)
PARTITIONS, LIMIT, TOKEN = 3, 400, "panels"
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((OPS / "grafana" / "dashboards").glob("*.json"))}
QUERIES = {f"{name}: {panel['title']}: {target['refId']}": target["expr"]
           for name, dashboard in DASHBOARDS.items() for panel in dashboard["panels"] for target in panel["targets"]}
VARIABLES = {f"{name}: {variable['name']}": variable
             for name, dashboard in DASHBOARDS.items() for variable in dashboard["templating"]["list"] if variable["type"] == "query"}
STATES = {"start", "shared", "done", "review", "rejected", "ignored"}
MACHINE = {"name": "weather", "main_network": "main", "networks": [{"name": "main", "states": [
    {"name": "start", "is_start": True}, {"name": "shared", "set": {"share": "=100 / (data.n % 10 - 6)"}}, {"name": "done", "is_end": True},
    {"name": "review", "is_end": True, "outcome": "output", "route": "review"}, {"name": "rejected", "is_end": True, "outcome": "error"},
    {"name": "ignored", "is_end": True, "outcome": "drop"},
], "arcs": [
    {"from": "start", "to": "rejected", "condition": "data.n % 10 == 3"}, {"from": "start", "to": "ignored", "condition": "data.n % 10 == 4"},
    {"from": "start", "to": "review", "condition": "data.n % 10 == 5"}, {"from": "start", "to": "shared", "condition": "data.n % 10 != 7"},
    {"from": "shared", "to": "done"},
]}]}
"""By n's last digit: 3 rejected, 4 dropped, 5 on a route of its own, 6 fails in its formula, 7 finds no arc, the others pass."""


def odd(bootstrap: str, topic: str) -> None:
    """One record that is no JSON and one without a value, in each partition."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for partition in range(PARTITIONS):
        producer.produce(topic, b"{", b"odd", partition)
        producer.produce(topic, None, b"odd", partition)
    assert producer.flush(30) == 0


def every_fate(asked: Prometheus, bootstrap: str, topic: str) -> None:
    """Until each outcome and each reason was counted, and grew while it was watched."""
    for name, labels in (("records_processed_total", ("output", "error", "drop", "tombstone", "failed")),
                         ("dead_letters_total", ("malformed", "rejected", "transform", "no_arc"))):
        label = "outcome" if name.startswith("records") else "reason"
        for value in labels:
            def grew(expr: str = f'max(rate(fsm_worker_{name}{{{label}="{value}"}}[{RATE_INTERVAL}]))') -> bool:
                odd(bootstrap, topic)
                return asked.value(expr) > 0
            await_true(f"{name} of {value}", grew, 30, 0.5)


def paused(asked: Prometheus, reason: str) -> float:
    """Partitions that are paused for it."""
    return asked.value(f'sum(fsm_worker_partitions_paused{{reason="{reason}"}})')


def an_output_that_is_gone(asked: Prometheus, bootstrap: str, topic: str) -> None:
    """Until partitions are full and paused for it; then the topic is back, and they run again."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([topic])[topic].result(30)
    await_true("paused for backpressure", lambda: paused(asked, "backpressure"), 40)
    admin.create_topics([NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1)])[topic].result(30)
    await_true("running again", lambda: not paused(asked, "backpressure"), 90)


def an_operator_that_pauses(asked: Prometheus, worker: Worker) -> None:
    """Until every partition is paused by hand and runs again."""
    for control, count in (("pause", PARTITIONS), ("resume", 0)):
        request = urllib.request.Request(f"http://127.0.0.1:{worker.port}/{control}", method="POST", headers={"Authorization": f"Bearer {TOKEN}"})
        urllib.request.urlopen(request, timeout=5).close()
        await_true(control, lambda wanted=count: paused(asked, "operator") == wanted, 20)


def lanes_that_move(asked: Prometheus, first: Worker, second: Worker) -> None:
    """A second worker takes partitions from the first and gives them back."""
    with workers(second):
        second.ready()
        await_true("both own partitions", lambda: asked.value("count(fsm_worker_partitions_assigned > 0)") == 2, 30)
        await_true("both read", lambda: asked.value(f"count(sum by (instance) (rate(fsm_worker_records_consumed_total[{RATE_INTERVAL}])) > 0)") == 2, 30)
        assert second.terminate() == 0, second.log()
    await_true("one owns them all", lambda: len(first.status()["partitions"]) == PARTITIONS, 30)
    await_true("they move on", lambda: asked.value(f"sum(rate(fsm_worker_records_consumed_total[{RATE_INTERVAL}]))") > 0, 30)


@pytest.fixture(scope="module")
def weather(binary: str, kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen all of it."""
    folder = tmp_path_factory.mktemp("weather")
    topics = Topics(*(create_topic(kafka.bootstrap, PARTITIONS, name=f"weather.{role}") for role in ("in", "out", "dlq")))
    review = create_topic(kafka.bootstrap, PARTITIONS, name="weather.review")
    file = configuration(
        folder, kafka.bootstrap, topics, output={"routes": {"review": review}},
        dead_letter={"breaker": {"action": "off"}}, backpressure={"max_in_flight_records": LIMIT}, chunk={"max_records": 100}, http={"token": TOKEN})
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(document | {"machine": MACHINE}), encoding="utf-8")
    first, second = Worker(file, "first"), Worker(file, "second")
    with prometheus(binary, folder, [f"127.0.0.1:{w.port}" for w in (first, second)]) as asked, workers(first):
        first.ready()
        with Feed(kafka.bootstrap, topics.input, PARTITIONS, rate=600):
            every_fate(asked, kafka.bootstrap, topics.input)
            an_output_that_is_gone(asked, kafka.bootstrap, review)
            an_operator_that_pauses(asked, first)
            lanes_that_move(asked, first, second)
        assert first.terminate() == 0, first.log()
        yield asked


def filled(expr: str, **chosen: str) -> str:
    """The expression as Grafana sends it."""
    expr = expr.replace("$__rate_interval", RATE_INTERVAL)
    for name in ("job", "instance", "topic"):
        expr = expr.replace(f"${name}", chosen.get(name, ".*"))
    assert "$" not in expr, expr
    return expr


def drawn(asked: Prometheus, title: str, number: int = 0) -> list[tuple[dict[str, str], list[float]]]:
    """What a panel of the overview shows."""
    (panel,) = [panel for panel in DASHBOARDS["overview"]["panels"] if panel["title"] == title]
    return asked.series(filled(panel["targets"][number]["expr"]))


@pytest.mark.parametrize("query", QUERIES)
def test_every_panel_shows_something(weather: Prometheus, query: str) -> None:
    """Each query of each panel draws at least one line, with everything chosen and with a single job."""
    assert weather.series(filled(QUERIES[query]))
    assert weather.series(filled(QUERIES[query], job="fsm-worker"))


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_offers_something(weather: Prometheus, name: str) -> None:
    """Each variable has values to choose from, and what it is chosen for shows something with each."""
    variable = VARIABLES[name]
    offered = weather.label_values(filled(variable["definition"]))
    assert offered
    using = [expr for expr in QUERIES.values() if f"${variable['name']}" in expr]
    for value in offered:
        assert any(weather.series(filled(expr, **{variable["name"]: value})) for expr in using), value


def test_every_rule_evaluates(weather: Prometheus) -> None:
    """No rule has an error, each recording has values, and none of them is of a rule that is not in the file."""
    rules = [rule for group in weather.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    assert recorded and [name for name in recorded if not weather.series(name)] == []


def test_a_question_for_nothing_is_noticed(weather: Prometheus) -> None:
    """A misspelt metric, label or unit of time has no answer here: the tests above can fail."""
    assert weather.series("rate(fsm_worker_records_consumd_total[4s])") == []
    assert weather.series('fsm_worker_partitions_paused{raeson="retry"}') == []
    with pytest.raises(AssertionError, match="bad_data"):
        weather.series("rate(fsm_worker_records_consumed_total[4x])")


def test_the_overview_tells_what_happened(weather: Prometheus) -> None:
    """Outcomes, reasons, states, pauses and the limit are those of the traffic, not just any line."""
    def above_zero(title: str, label: str, number: int = 0) -> set[str]:
        return {labels[label] for labels, values in drawn(weather, title, number) if max(values) > 0}

    assert above_zero("Records per second", "outcome", 1) == {"output", "error", "drop", "tombstone", "failed"}
    assert above_zero("Dead letters per second by reason", "reason") == {"malformed", "rejected", "transform", "no_arc"}
    assert above_zero("Records per second by state", "state") >= STATES
    assert above_zero("Paused partitions by reason", "reason") == {"backpressure", "operator"}
    assert "running" in above_zero("Workers", "state")
    (limit,) = drawn(weather, "In flight, in the fullest partition", 1)
    assert set(limit[1]) == {LIMIT}
    (in_flight,) = drawn(weather, "In flight, in the fullest partition")
    assert LIMIT >= max(in_flight[1]) > LIMIT * 3 / 4  # a fetch is a quarter of the limit: full is when one more might pass it
    slow, middle, fast = (next(max(values) for _, values in drawn(weather, "End-to-end latency", number)) for number in (2, 1, 0))
    assert slow >= middle >= fast > 0
    (lag,) = drawn(weather, "Lag")
    assert max(lag[1]) > LIMIT * 3 / 4
