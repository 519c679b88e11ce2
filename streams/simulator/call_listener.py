"""Follows ``margin.calls``, so that the simulated customers hear of their margin calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.contracts.codec import Fault, decode_model
from streams.contracts.connection import Connection
from streams.contracts.results import CallEvent
from streams.inbound.log_reader import group_less_consumer

_POLL_MS: Final = 200
_RETRY_S: Final = 2.0

log = logging.getLogger(__name__)


async def follow_calls(
    connection: Connection, topic: str, partitions: int, hear: Callable[[CallEvent], None]
) -> None:
    """Hand every call event from now on to ``hear``; runs until cancelled, whatever the broker does."""
    while True:
        try:
            await _follow(connection, [TopicPartition(topic, number) for number in range(partitions)], hear)
        except (KafkaError, OSError) as error:
            log.warning("%s cannot be followed: %s; trying again", topic, type(error).__name__)
            await asyncio.sleep(_RETRY_S)


async def _follow(
    connection: Connection, partitions: list[TopicPartition], hear: Callable[[CallEvent], None]
) -> None:
    consumer = group_less_consumer(connection, "marginmon-simulator")
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        while True:
            fetched = await consumer.getmany(timeout_ms=_POLL_MS)
            for records in fetched.values():
                for record in records:
                    decoded = decode_model(CallEvent, record.value)
                    if not isinstance(decoded, Fault):
                        hear(decoded[0])
    finally:
        await consumer.stop()
