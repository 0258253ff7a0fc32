"""The machine that a worker file names, for its start and for every reload: read, judged as `check` judges it, bound to the configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from fsm_core.checks import check_document
from fsm_core.definition import Definition, Finding
from fsm_core.document import Document, load_document, parse
from fsm_core.engine.codec import JSON, TEXT, Codec
from fsm_core.engine.machine import Machine
from fsm_core.errors import DocumentError
from worker.config.document import read_document
from worker.config.errors import BAD_VALUE, ConfigError
from worker.config.load import LoadedConfig
from worker.config.models import WorkerConfig
from worker.config.rules import resolve
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Router
from worker.importing import import_from, search_last
from worker.runtime.observation import MachineView
from worker.runtime.ports import TopicFacts
from worker.runtime.processing import Active

log = structlog.get_logger(__name__)
_CODECS: dict[str, Codec] = {"json": JSON, "text": TEXT}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A machine that may take over, and how it is shown."""

    active: Active
    view: MachineView


def import_functions(loaded: LoadedConfig) -> dict[str, Callable[..., Any]]:
    """What a machine may call by name, from the worker file's directory too; raises ConfigError naming all that cannot be imported."""
    found, findings = {}, []
    if loaded.config.trust:
        search_last(loaded.path.parent)  # a trusted machine names modules itself
    for name, target in loaded.config.functions.items():
        try:
            found[name] = import_from(loaded.path.parent, target)
        except Exception as error:  # noqa: BLE001 - a module that is imported raises what it pleases
            findings.append(Finding(111, "error", f"functions.{name}: cannot import {target}: {type(error).__name__}: {error}",
                                    loaded.document.mark(("functions", name)), f"write module:attribute; the module is looked for in {loaded.path.resolve().parent}, too"))
    if findings:
        raise ConfigError(findings)
    return found


def load_machine(loaded: LoadedConfig) -> Machine:
    """The machine, its own tests passed; raises DocumentError or ConfigError with everything that is wrong."""
    try:
        return _judged(loaded)
    except DocumentError as error:
        if isinstance(loaded.config.machine, dict):
            raise DocumentError([loaded.placed(f) for f in error.findings]) from error
        raise


def _judged(loaded: LoadedConfig) -> Machine:
    config = loaded.config
    functions, params = import_functions(loaded), dict(config.params) or None
    document: Document = load_document(config.machine, config.trust)  # once: a file may change while it is judged
    errors = [f for f in check_document(document, functions, params) if f.severity == "error"]
    if errors:
        raise DocumentError(errors)
    return Machine(parse(document, functions, params))


def checked(loaded: LoadedConfig, machine: Machine) -> WorkerConfig:
    """The configuration completed by the machine; raises ConfigError where the two do not go together."""
    findings = loaded.check_machine(machine.definition)
    for finding in findings:
        if finding.severity != "error":
            log.warning(str(finding))
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        raise ConfigError(errors)
    return resolve(loaded.config, machine.definition)


def read_again(loaded: LoadedConfig) -> LoadedConfig:
    """The same configuration with the machine as it stands now: one that is inline is read from the worker file, and nothing else of it."""
    if not isinstance(loaded.config.machine, dict):
        return loaded
    document = read_document(loaded.path.read_text(encoding="utf-8-sig"), str(loaded.path))
    if document.findings:
        raise ConfigError(document.findings)
    machine = document.data.get("machine") if isinstance(document.data, dict) else None
    if not isinstance(machine, dict):
        raise ConfigError([Finding(BAD_VALUE, "error", "machine is no inline document any more", document.mark(("machine",)), "start the worker again")])
    return replace(loaded, config=loaded.config.model_copy(update={"machine": machine}), document=document)


def prepare_again(loaded: LoadedConfig, facts: Mapping[str, TopicFacts]) -> Prepared:
    """All of a reload but the swap: takes its time, touches nothing that runs; raises what is wrong."""
    now = read_again(loaded)
    machine = load_machine(now)
    return Prepared(make_active(checked(now, machine), machine, facts), machine_view(machine.definition))


def make_active(config: WorkerConfig, machine: Machine, facts: Mapping[str, TopicFacts]) -> Active:
    """A machine bound to this configuration's keys and headers, and its router."""
    routes: dict[str | None, str] = {None: config.output.key, **{name: route.key for name, route in config.output.routes.items()}}
    keys = {route: key for route, key in routes.items() if key != "source"}
    bound = machine.bind(keys=keys, codec=_CODECS[config.input.format])
    return Active(bound, Router(config, facts, DeadLetters(facts, config.dead_letter.topic, machine.definition.name, machine.digest)))


def machine_view(definition: Definition) -> MachineView:
    """The machine as the page and the metrics show it."""
    graph = {
        "states": [{"name": s.name, "is_start": s.is_start, "is_end": s.is_end, "outcome": s.outcome} for s in definition.states.values()],
        "arcs": [{"from": a.source, "to": a.target, "label": "else" if a.is_else else a.condition.source if a.condition else ""}
                 for a in definition.arcs]
                + [{"from": s.name, "to": s.on_error, "label": "on error"} for s in definition.states.values() if s.on_error],
    }
    return MachineView(definition.name, definition.version, definition.digest, time.time(), graph)
