"""Publishing a book and market files to the topics, paced by the times in the files."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.cluster import TopicError, existing_topics
from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from streams.replay.book_file import Book
from streams.replay.messages import FileMessage, reference_messages
from streams.replay.steps import Step

_NANOSECONDS: Final = 1_000_000_000
# A worker reads topics side by side; this is what it is given to apply one before the other comes.
_SETTLE_S: Final = 0.2


class Pace(Protocol):
    """When the next messages may go out."""

    async def until(self, step: Step) -> None:
        """Wait for the time of a step."""

    async def settle(self, sent: Mapping[str, int]) -> None:
        """Wait for readers to have applied all that was sent so far: messages by topic."""


class FileTime:
    """``speed`` seconds of file time pass in one second; None does not wait at all."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._begin: tuple[float, int] | None = None

    async def until(self, step: Step) -> None:
        if self._speed is None:
            return
        if self._begin is None:
            self._begin = time.monotonic(), step.time_ns
        started, first_ns = self._begin
        due = started + (step.time_ns - first_ns) / _NANOSECONDS / self._speed
        await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def settle(self, sent: Mapping[str, int]) -> None:
        if self._speed is not None:
            await asyncio.sleep(_SETTLE_S)


async def publish(
    connection: Connection, topics: TopicTable, book: Book, course: Iterable[Step], pace: Pace
) -> int:
    """Publish reference data, then step by step prices and activity; returns the number of messages.

    Within a step the prices go first: on an event clock they end the time before, to which the activity does
    not belong any more. Everything is acknowledged before what follows it is sent, so nothing of a later time
    is on any topic before what is earlier; around activity the pace lets readers settle, too.

    Raises:
        TopicError: a topic is missing or has another number of partitions.
        KafkaError: the cluster does not answer or refuses.
    """
    await _check_topics(connection, topics)
    producer = AIOKafkaProducer(**connection.options(), enable_idempotence=True, acks="all")
    await producer.start()
    sent: Counter[str] = Counter()
    try:
        sent += await _send(producer, topics, reference_messages(book))
        for step in course:
            await pace.until(step)
            sent += await _send(producer, topics, step.prices)
            if step.activity:
                await pace.settle(sent)
                sent += await _send(producer, topics, step.activity)
                await pace.settle(sent)
    finally:
        await producer.stop()
    return sent.total()


async def _send(
    producer: AIOKafkaProducer, topics: TopicTable, messages: Sequence[FileMessage]
) -> Counter[str]:
    acknowledged = [
        await producer.send(
            topics[message.topic].name,
            value=message.value,
            key=message.key,
            partition=message.partition if topics[message.topic].by_account else None,
        )
        for message in messages
    ]
    await asyncio.gather(*acknowledged)
    return Counter(message.topic for message in messages)


async def _check_topics(connection: Connection, topics: TopicTable) -> None:
    admin = AIOKafkaAdminClient(**connection.options())
    await admin.start()
    try:
        present = await existing_topics(admin, topics)
    finally:
        await admin.close()
    for topic in topics:
        if topic.name not in present:
            raise TopicError(f"topic {topic.name} does not exist; run `marginmon topics create`")
        if topic.by_account and present[topic.name].partitions != topic.partitions:
            raise TopicError(
                f"topic {topic.name} has {present[topic.name].partitions} partitions, not {topic.partitions}; "
                "name their number with --partitions"
            )
