"""The demo's topics: their names, their making, and how far they and the group have come."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

GROUP = "demo-orders"
INPUT = "orders.in"
OUTPUTS = ("orders.out", "orders.review")
DEAD_LETTERS = "orders.dlq"
PARTITIONS = 3
DEAD_LETTER_BYTES = (1 << 20) + (64 << 10)  # the inputs' largest record and its fsm.* headers must fit


def partitions(*topics: str) -> list[TopicPartition]:
    """Every partition of the topics."""
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]


async def create(bootstrap: str) -> None:
    """Make the four topics on a fresh broker; raises if the broker refuses one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        plain = [NewTopic(name, PARTITIONS, 1) for name in (INPUT, *OUTPUTS)]
        dead = NewTopic(DEAD_LETTERS, PARTITIONS, 1, topic_configs={"max.message.bytes": str(DEAD_LETTER_BYTES)})
        answer = await admin.create_topics([*plain, dead])
        refused = [str(error) for error in answer.topic_errors if error[1] != 0]
        if refused:
            raise RuntimeError(f"the broker refused to create topics: {refused}")
    finally:
        await admin.close()


async def committed(admin: AIOKafkaAdminClient) -> int:
    """Records of the input that the group has committed."""
    offsets = await admin.list_consumer_group_offsets(GROUP, partitions=partitions(INPUT))
    return sum(max(found.offset, 0) for found in offsets.values())


def reader(bootstrap: str) -> AIOKafkaConsumer:
    """A consumer without a group, for reading committed records by assignment."""
    return AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest",
                            isolation_level="read_committed")
