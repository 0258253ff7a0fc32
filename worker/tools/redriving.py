"""A redrive put together for a worker file."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import replace

from worker.config.load import LoadedConfig
from worker.kafka.groups import notes_by
from worker.kafka.returning import Returning
from worker.kafka.settings import connection, producer_options
from worker.runtime.ports import EpochOver, Partition, Unsettled
from worker.tools.redrive import Aim, Back, Plan, Redrive, Refusal, Report
from worker.tools.sessions import Site, visit
from worker.tools.through import Through

_PATIENCE_SECONDS = 5.0


async def redrive(loaded: LoadedConfig, plan: Plan, execute: bool, through: bool, group: str = "") -> Report:
    """Send back what the plan says, or count it. A second one of the same group shuts the first one out; one that only counts does not."""
    site = await visit(loaded)
    topic, group = site.config.dead_letter.topic, group or f"{site.group}.redrive"
    if through and site.config.dead_letter.quarantine == "key":
        raise Refusal("--through does not go together with dead_letter.quarantine: key: the worker releases a key when its records come back "
                      "to it; leave --through out")
    plan = replace(plan, topics=site.config.input.topics)
    aim: Aim = Through(site.active) if through else Back(site.facts)
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(site.reader())
        partitions = list(await reader.stretches([topic]))
        if not execute:
            return await Redrive(topic, reader, aim, plan, await _known(site, group, partitions)).run()
        sender = await stack.enter_async_context(returning(site, group))
        check = await stack.enter_async_context(site.reader("read_uncommitted"))
        try:
            return await Redrive(topic, reader, aim, plan, await sender.positions(partitions), sender, check).run()
        except EpochOver:
            raise Refusal(f"another redrive of the group {group} took over; it goes on from what this one had committed") from None


async def _known(site: Site, group: str, partitions: Collection[Partition]) -> dict[Partition, tuple[int, str]]:
    try:
        return await notes_by(connection(site.config), group, partitions, _PATIENCE_SECONDS)
    except Unsettled:
        raise Refusal(f"a redrive of the group {group} is under way, or was interrupted less than a minute ago: "
                      "wait for it, or go on with it (--yes)") from None


def returning(site: Site, group: str) -> Returning:
    """A sender in the name of this group."""
    sizes = [f.max_message_bytes for f in site.facts.values()]
    return Returning(producer_options(site.config, min([1 << 20, *sizes]), max(sizes)), connection(site.config), group)
