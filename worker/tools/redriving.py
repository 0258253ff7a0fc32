"""A redrive put together for a worker file."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from worker.config.load import LoadedConfig
from worker.kafka.returning import Returning
from worker.kafka.settings import connection, producer_options
from worker.tools.redrive import Aim, Back, Plan, Redrive, Refusal, Report
from worker.tools.sessions import Site, visit
from worker.tools.through import Through


async def redrive(loaded: LoadedConfig, plan: Plan, execute: bool, through: bool, group: str = "") -> Report:
    """Send back what the plan says, or count it. A second one of the same group shuts the first one out."""
    site = await visit(loaded)
    topic = site.config.dead_letter.topic
    if through and site.config.dead_letter.quarantine == "key":
        raise Refusal("--through does not go together with dead_letter.quarantine: key: the worker releases a key when its records come back "
                      "to it; leave --through out")
    plan = replace(plan, topics=site.config.input.topics)
    aim: Aim = Through(site.active) if through else Back(site.facts)
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(site.reader())
        sender = await stack.enter_async_context(returning(site, group or f"{site.group}.redrive"))
        positions = await sender.positions(list(await reader.stretches([topic])))
        if not execute:
            return await Redrive(topic, reader, aim, plan, positions).run()
        check = await stack.enter_async_context(site.reader("read_uncommitted"))
        return await Redrive(topic, reader, aim, plan, positions, sender, check).run()


def returning(site: Site, group: str) -> Returning:
    """A sender in the name of this group."""
    sizes = [f.max_message_bytes for f in site.facts.values()]
    return Returning(producer_options(site.config, min([1 << 20, *sizes]), max(sizes)), connection(site.config), group)
