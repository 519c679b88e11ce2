"""Reads topics for a command: all that is there now, or what comes from now on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.cluster import TopicError, existing_topics
from streams.contracts.connection import Connection
from streams.contracts.topics import Topic
from streams.inbound.log_reader import group_less_consumer, read_to_end

_POLL_MS: Final = 200


@asynccontextmanager
async def reader(connection: Connection) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without group or assignment, read_committed."""
    consumer = group_less_consumer(connection, "marginmon-desk")
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def partitions_of(connection: Connection, topics: Sequence[Topic]) -> list[TopicPartition]:
    """All partitions of topics.

    Raises:
        TopicError: naming one that does not exist.
    """
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        present = await existing_topics(admin, topics)
    finally:
        await admin.close()
    for topic in topics:
        if topic.name not in present:
            raise TopicError(f"topic {topic.name} does not exist; run `marginmon topics create`")
    return [
        TopicPartition(topic.name, number)
        for topic in topics
        for number in range(present[topic.name].partitions)
    ]


async def batches_of(connection: Connection, topics: Sequence[Topic]) -> AsyncIterator[list[Any]]:
    """Every record that is committed now, by batches of a partition, in its order."""
    partitions = await partitions_of(connection, topics)
    async with reader(connection) as consumer:
        consumer.assign(partitions)
        async for _, records in read_to_end(consumer, partitions):
            yield records


async def all_records(connection: Connection, topics: Sequence[Topic]) -> list[Any]:
    """Every record that is committed now, by topic, partition, offset."""
    found = [record async for records in batches_of(connection, topics) for record in records]
    return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))


async def seek_to_ends(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
    """Assign the partitions; what comes from now on is read."""
    consumer.assign(list(partitions))
    for tp, end in (await consumer.end_offsets(list(partitions))).items():
        consumer.seek(tp, end)


async def following(consumer: AIOKafkaConsumer, seconds: float | None) -> AsyncIterator[Any]:
    """Records of the assigned partitions as they come, for so long; None = until the reader is stopped."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in records:
                yield record
