"""What roles do on Kafka, one operation at a time: whether it is allowed."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streams.contracts.cluster import TopicError, create_missing, existing_topics
from streams.contracts.connection import Connection
from streams.contracts.topics import Topic, TopicTable
from streams.inbound.log_reader import group_less_consumer
from tests.security.secure_kafka import administering


async def filled(connection: Connection, table: TopicTable) -> None:
    """Create the topics, each with a record."""
    async with administering(connection) as admin:
        await create_missing(admin, table, 1)
    async with AIOKafkaProducer(**connection.options()) as producer:
        for topic in table:
            await producer.send_and_wait(topic.name, b"{}", b"key", 0)


async def reads(connection: Connection, topic: str) -> bool:
    """Whether the record of a topic can be read."""
    consumer = AIOKafkaConsumer(**connection.options(), auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer._client.force_metadata_update()
        if topic in consumer._client.cluster.unauthorized_topics:
            return False
        consumer.seek(TopicPartition(topic, 0), 0)
        return bool(await consumer.getmany(timeout_ms=10_000))
    except TopicAuthorizationFailedError:
        return False
    finally:
        await consumer.stop()


async def opens(connection: Connection, transactional_id: str) -> bool:
    """Whether transactions can be begun under an id."""
    producer = AIOKafkaProducer(**connection.options(), transactional_id=transactional_id)
    try:
        await producer.start()
    except TransactionalIdAuthorizationFailed:
        return False
    finally:
        await producer.stop()
    return True


async def writes(producer: AIOKafkaProducer, topic: str) -> bool:
    """Whether a record can be written; the producer is not idempotent, a refusal would end it."""
    try:
        await producer.send_and_wait(topic, b"{}", b"key", 0)
    except TopicAuthorizationFailedError:
        return False
    return True


async def describes(admin: AIOKafkaAdminClient, topic: Topic) -> bool:
    """Whether programs that check their topics when they start see one and its configuration."""
    try:
        return topic.name in await existing_topics(admin, [topic])
    except TopicError:
        return False


async def creates(admin: AIOKafkaAdminClient, topic: Topic) -> bool:
    """Whether a topic can be created."""
    try:
        return await create_missing(admin, [topic], 1) == [topic.name]
    except TopicError:
        return False


async def commits(connection: Connection, group: str, topic: str) -> bool:
    """Whether offsets of a topic can be committed for a group."""
    consumer = group_less_consumer(connection, "test", group)
    tp = TopicPartition(topic, 0)
    try:
        await consumer.start()
        consumer.assign([tp])
        await consumer.commit({tp: 0})
    except GroupAuthorizationFailedError:
        return False
    finally:
        await consumer.stop()
    return True
