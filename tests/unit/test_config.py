"""The worker file: loading, precedence, expansion and errors."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import aiokafka
import pytest

from fsm_core.definition import Definition, Finding, Mark, State
from worker.config import ConfigError, LoadedConfig, json_schema, load_config, resolve
from worker.config.errors import CONFLICT, REFUSED_OPTION
from worker.config.refused import CONSUMER, CONSUMER_ALLOWED, PRODUCER, PRODUCER_ALLOWED

MINIMAL = """\
machine: machines/m.yaml
input: {topics: [in]}
output: {topic: out}
dead_letter: {topic: dlq}
"""


def load(tmp_path: Path, text: str = MINIMAL, *sets: str, **env: str) -> LoadedConfig:
    file = tmp_path / "w.yaml"
    file.write_text(text)
    return load_config(file, sets, env)


def errors(tmp_path: Path, text: str = MINIMAL, *sets: str, **env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, *sets, **env)
    return str(caught.value)


def test_defaults(tmp_path: Path) -> None:
    """The four required keys are enough; the rest has the contract's defaults."""
    c = load(tmp_path).config
    assert c.machine == tmp_path / "machines/m.yaml"
    assert (c.kafka.bootstrap_servers, c.kafka.group_id, c.kafka.client_id) == ("localhost:9092", None, "fsm-worker")
    assert (c.input.format, c.input.tombstones, c.input.isolation) == ("json", "pass", "read_committed")
    assert (c.output.key, c.output.headers, c.output.provenance) == ("source", "copy", False)
    assert c.dead_letter.breaker.model_dump() == {
        "max_ratio": 0.5, "window": 1000, "max_consecutive": 200, "action": "halt", "probe_after": 0.0}
    assert (c.delivery.commit_interval, c.chunk.max_wait, c.drain_timeout) == (0.2, 0.05, 25.0)
    assert c.backpressure.max_in_flight_bytes == 16 * 2**20
    assert (c.retry.backoff, c.retry.max_delay, c.processes, c.trust, c.reload) == (2.0, 30.0, 1, False, "signal")


def test_every_problem_at_once(tmp_path: Path) -> None:
    """Unknown keys, bad values, missing keys and broken rules are reported together, each at its place."""
    text = errors(tmp_path, "machine: m.yaml\nkafka: {group: x, consumer: {enable_auto_commit: true}}\n"
                            "input:\n  topics: [a]\n  fromat: json\noutput: {topic: a}\nchunk: {max_wait: soon}\n"
                            "drain_timeout: 40s\nhttp: {token: '${NOPE}'}\n")
    for part in (":2:9: unknown key kafka.group", ":5:3: unknown key input.fromat (did you mean format?)",
                 "w.yaml:6:17: output.topic: topic a is also an input", ":7:19: chunk.max_wait: not a duration",
                 "dead_letter is missing", "kafka.consumer.enable_auto_commit is refused", ":8:16: drain_timeout",
                 ":9:15: environment variable NOPE is not defined"):
        assert part in text


def test_precedence(tmp_path: Path) -> None:
    """--set beats the environment, which beats the file, which beats the default."""
    text = MINIMAL + "kafka: {group_id: file, client_id: file}\nname: file\n"
    c = load(tmp_path, text, "kafka.group_id=set", FSM_WORKER__KAFKA__GROUP_ID="env",
             FSM_WORKER__KAFKA__CLIENT_ID="env", FSM_WORKER__INPUT__TOPICS="a, b",
             FSM_WORKER__BACKPRESSURE__RESUME_RATIO="0.25", FSM_WORKER__OUTPUT__ROUTES='{"x": "t"}').config
    assert (c.kafka.group_id, c.kafka.client_id, c.name) == ("set", "env", "file")
    assert (c.input.topics, c.backpressure.resume_ratio, c.output.routes["x"].topic) == (("a", "b"), 0.25, "t")


def test_unknown_override(tmp_path: Path) -> None:
    """An unknown FSM_WORKER__ variable or --set is an error that names it."""
    text = errors(tmp_path, MINIMAL, "chunk.max_record=1", FSM_WORKER__KAFKA__GROUPID="x")
    assert "FSM_WORKER__KAFKA__GROUPID:1:1: unknown key kafka.groupid (did you mean group_id?)" in text
    assert "--set chunk.max_record:1:1: unknown key chunk.max_record (did you mean max_records?)" in text


def test_expansion(tmp_path: Path) -> None:
    """${} expands in string values, $${ escapes, and an inline machine stays as it is."""
    text = ("name: '${A}-${B:-b}-$${C}'\nmachine: {name: '${A}'}\ninput: {topics: [in]}\noutput: {topic: out}\n"
            "dead_letter: {topic: dlq}\nhttp: {port: '${PORT}'}\n")
    c = load(tmp_path, text, A="a", PORT="0").config
    assert (c.name, c.machine, c.http.port) == ("a-b-${C}", {"name": "${A}"}, 0)


def test_secrets_stay_out_of_repr(tmp_path: Path) -> None:
    """Token, passwords and params are never printed, nor is a bad value in an error."""
    text = MINIMAL + "http: {token: s3cret}\nparams: {k: s3cret}\nkafka: {security: {password: s3cret}}\n"
    assert "s3cret" not in repr(load(tmp_path, text))
    assert "s3cret" not in errors(tmp_path, text + "drain_timeout: s3cret\n")


@pytest.mark.parametrize("setting", [
    "processes=2", "processes=auto",
    "kafka.security.protocol=SASL_SSL", "backpressure.memory_limit=1GiB"])
def test_later_work_is_refused(tmp_path: Path, setting: str) -> None:
    """What is not built yet is refused with code 190."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL, setting)
    assert [f.code for f in caught.value.findings] == [190]


@pytest.mark.parametrize(("setting", "code"), [("kafka.producer.linger_ms=5", REFUSED_OPTION), ("input.isolation=read_uncommitted", CONFLICT)])
def test_what_breaks_exactly_once_is_refused_with_it_only(tmp_path: Path, setting: str, code: int) -> None:
    """And exactly once by itself is accepted."""
    load(tmp_path, MINIMAL, "delivery.guarantee=exactly_once")
    load(tmp_path, MINIMAL, setting)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL, setting, "delivery.guarantee=exactly_once")
    assert [f.code for f in caught.value.findings] == [code]


@pytest.mark.parametrize("setting", [
    "drain_timeout=27.1s", "chunk.max_records=5001", "backpressure.resume_ratio=1", "backpressure.resume_ratio=0",
    "trust=yes", "http.port=70000", "output.topic=in", "dead_letter.topic=in", "output.routes.x=in", "output.topic=null",
    "kafka.producer.acks=1", "kafka.consumer.max_poll_interval_ms=1", "input.topics=[]", "chunk.max_records=true"])
def test_rules(tmp_path: Path, setting: str) -> None:
    """One wrong setting is one error."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL, setting)
    assert len(caught.value.findings) == 1


@pytest.mark.parametrize("setting", ["dead_letter.breaker.action=pause", "reload=off", "drain_timeout=27s",
                                     "kafka.consumer.fetch_max_bytes=1000", "http.port=0", "processes=1"])
def test_accepted(tmp_path: Path, setting: str) -> None:
    """What is built, or asks for nothing but the default's behaviour, is accepted."""
    assert load(tmp_path, MINIMAL, setting).findings == ()


def test_routes_inherit(tmp_path: Path) -> None:
    """A route takes key and headers of output unless it says its own."""
    text = MINIMAL.replace("{topic: out}", "{topic: out, key: '=data.id', headers: none, routes: "
                                           "{a: ta, b: {topic: tb, key: source, headers: copy}}}")
    routes = load(tmp_path, text).config.output.routes
    assert (routes["a"].key, routes["a"].headers) == ("=data.id", "none")
    assert (routes["b"].key, routes["b"].headers) == ("source", "copy")


def machine(*routes: str | None) -> Definition:
    ends = {f"e{i}": State(f"e{i}", is_end=True, outcome="output", route=r) for i, r in enumerate(routes)}
    return Definition("m", "1", "d", "s", ends, (), False)


def test_routes_of_the_machine(tmp_path: Path) -> None:
    """An unmapped route is an error, an unused one a warning, a missing output topic an error."""
    loaded = load(tmp_path, MINIMAL, "output={routes: {a: ta, old: t}}", "input.tombstones=drop")
    found = [(f.severity, f.mark.pointer) for f in loaded.check_machine(machine("a", "b", None))]
    assert found == [("error", "/output/routes"), ("warning", "/output/routes/old"), ("error", "/output/topic")]


def test_resolve(tmp_path: Path) -> None:
    """name is the machine's unless given; group_id is the name unless given."""
    assert resolve(load(tmp_path).config, machine()).kafka.group_id == "m"
    assert resolve(load(tmp_path, MINIMAL, "name=n").config, machine()).kafka.group_id == "n"


def test_schema() -> None:
    """The JSON Schema is JSON and names every section."""
    schema = json.loads(json.dumps(json_schema()))
    assert {"machine", "input", "dead_letter", "backpressure"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_unknown_aiokafka_option(tmp_path: Path) -> None:
    """A misspelt extra option is found before anything connects."""
    assert "did you mean linger_ms?" in errors(tmp_path, MINIMAL, "kafka.producer.linger_msec=5")


def test_options_are_those_of_aiokafka() -> None:
    """Every option of the pinned client is either allowed or refused with a reason, and nothing else is."""
    for client, allowed, refused in ((aiokafka.AIOKafkaConsumer, CONSUMER_ALLOWED, CONSUMER),
                                     (aiokafka.AIOKafkaProducer, PRODUCER_ALLOWED, PRODUCER)):
        real = set(inspect.signature(client).parameters) - {"topics"}
        assert real <= {*allowed, *refused}
        assert set(allowed) <= real
        assert not set(allowed) & set(refused)


def test_no_effect_is_a_warning(tmp_path: Path) -> None:
    """Credentials beside PLAINTEXT are a warning, not a silent promise."""
    found = load(tmp_path, MINIMAL, "kafka.security.username=u").findings
    assert [(f.severity, f.mark.pointer) for f in found] == [("warning", "/kafka/security/username")]


def test_paths_do_not_depend_on_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name of the file gives an absolute machine, also for an override."""
    (tmp_path / "w.yaml").write_text(MINIMAL)
    monkeypatch.chdir(tmp_path)
    loaded = load_config("w.yaml", ["machine=other/m.yaml"], {})
    assert (loaded.config.machine, loaded.path) == (tmp_path / "other/m.yaml", tmp_path / "w.yaml")


def test_overridden_value_needs_no_variable(tmp_path: Path) -> None:
    """A variable that is undefined matters only where its value is used."""
    text = MINIMAL + "http: {token: '${NOPE}'}\n"
    assert load(tmp_path, text, FSM_WORKER__HTTP__TOKEN="12345").config.http.token == "12345"


@pytest.mark.parametrize("text", ["", "- a", "a: [b", "a: 1\na: 2", "a: &x [*x]", MINIMAL + "kafka:\n",
                                  MINIMAL + "name: '${'\n", MINIMAL + "params: {c: !foo x}\n",
                                  "a: !!int ''\n", "a: !!binary x\n",
                                  MINIMAL + "output: {routes: {a: {key: x}}}\n"])
def test_broken_files(tmp_path: Path, text: str) -> None:
    """Whatever a file holds, it ends in findings with a place."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert all(f.mark.line for f in caught.value.findings)


def test_yaml_1_2(tmp_path: Path) -> None:
    """`no` and `off` are text, numbers are decimal, dates are text."""
    params = load(tmp_path, MINIMAL + "params: {a: no, b: 010, c: 2020-01-01}\n").config.params
    assert params == {"a": "no", "b": 10, "c": "2020-01-01"}


def test_findings_of_an_inline_machine(tmp_path: Path) -> None:
    """A finding about an inline machine is shown at its place in the worker file."""
    loaded = load(tmp_path, MINIMAL.replace("machines/m.yaml", "\n  states:\n    - {name: a}\n    - {name: b}"))
    mark = loaded.placed(Finding(101, "error", "x", Mark("/states/1/name"))).mark
    assert (mark.pointer, mark.line, mark.column) == ("/machine/states/1/name", 4, 14)
