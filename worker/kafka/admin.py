"""What the topics are and what they refuse, asked at start and when a broker refuses what they let through."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from worker.kafka.saying import said
from worker.runtime.ports import TopicFacts, Unavailable

_FOR_EVER = 1 << 62


async def topic_facts(connection: Mapping[str, Any], topics: Collection[str]) -> dict[str, TopicFacts]:
    """Facts of the topics that exist; a missing one is missing in the answer. Raises Unavailable when no broker answers."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        found = {t["topic"]: t for t in await admin.describe_topics(sorted(topics)) if t["error_code"] == 0}
        if not found:
            return {}
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(found)])
        configs = {r[3]: {c[0]: c[1] for c in r[4]} for answer in answers for r in answer.resources if r[0] == 0}
        return {name: _facts(name, len(t["partitions"]), configs.get(name, {})) for name, t in found.items()}
    except (errors.KafkaError, OSError) as error:
        raise Unavailable(said(error)) from error
    finally:
        await admin.close()


def _facts(name: str, partitions: int, config: Mapping[str, str | None]) -> TopicFacts:
    def number(key: str, default: int) -> int:
        return min(int(config.get(key) or default), _FOR_EVER)

    return TopicFacts(
        name, partitions, number("max.message.bytes", 1_048_588), "compact" in (config.get("cleanup.policy") or ""),
        number("message.timestamp.before.max.ms", _FOR_EVER), number("message.timestamp.after.max.ms", 3_600_000),
        number("retention.ms", 604_800_000), config.get("message.timestamp.type") == "LogAppendTime")
