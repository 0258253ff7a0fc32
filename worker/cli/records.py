"""One record out of Kafka, for the verbs that look at one."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import typer

from worker.cli.exit_codes import Exit


def record_at(settings: Any, at: str) -> tuple[bytes, Any]:
    """The value at `TOPIC:PARTITION:OFFSET` and its Meta; exit 69 without a broker, 1 where there is no such record."""
    from worker.runtime.ports import Partition, Unavailable

    topic, rest = at.rpartition(":")[0].rpartition(":")[0], at.split(":")[-2:]
    if not topic or not all(part.isdecimal() for part in rest):
        raise typer.BadParameter(f"{at!r} is not TOPIC:PARTITION:OFFSET", param_hint="--at")
    partition, offset = Partition(topic, int(rest[0])), int(rest[1])
    try:
        found = asyncio.run(_one(settings, partition, offset))
    except Unavailable as error:
        print(f"no broker: {error}", file=sys.stderr)
        raise typer.Exit(Exit.UNAVAILABLE) from None
    except KeyError:
        print(f"topic {topic} does not exist", file=sys.stderr)
        raise typer.Exit(Exit.ERRORS) from None
    if found is None or found.value is None:
        print(f"there is no record at {at}" if found is None else f"the record at {at} is a tombstone", file=sys.stderr)
        raise typer.Exit(Exit.ERRORS)
    from worker.tools.walking import meta_of

    return found.value, meta_of(partition, found)


async def _one(settings: Any, partition: Any, offset: int) -> Any:
    from worker.kafka.settings import connection
    from worker.kafka.topic_reader import TopicReader

    async with TopicReader(connection(settings)) as reader:
        return await reader.one(partition, offset)
