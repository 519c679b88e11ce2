"""Writes simulated records to Kafka in batches built per partition."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable, partition_of
from streams.simulator.record import SimulatedRecord

_LINGER_MS: Final = 0  # a batch is whole when it is sent
_MAX_BATCH_BYTES: Final = 256 * 1024

partition_of_key = cache(partition_of)


class MissingTopicError(LookupError):
    """A topic that the simulation writes to does not exist."""


class KafkaPublisher:
    """One idempotent producer; records of one key keep their order."""

    def __init__(self, connection: Connection, table: TopicTable) -> None:
        self._table = table
        self._producer = AIOKafkaProducer(
            **connection.options(),
            client_id="marginmon-simulator",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_MAX_BATCH_BYTES,
        )
        self._partitions: dict[str, int] = {}

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: the broker does not answer.
        """
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is left and let go."""
        await self._producer.stop()

    async def publish(self, records: Iterable[SimulatedRecord], time_ms: int) -> None:
        """Write records, stamped with a time, and wait until the broker has them.

        Raises:
            MissingTopicError: a topic does not exist. KafkaError: the broker did not take them.
        """
        groups: dict[tuple[str, int], list[SimulatedRecord]] = {}
        for record in records:
            partitions = await self.partitions(record.topic)
            partition = partition_of_key(record.key.decode(), partitions)
            groups.setdefault((record.topic, partition), []).append(record)
        written = [
            await self._send(self._table[topic].name, partition, group, time_ms)
            for (topic, partition), group in groups.items()
        ]
        for batches in written:
            await asyncio.gather(*batches)

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic (short name) has on the cluster.

        Raises:
            MissingTopicError: the topic does not exist.
        """
        if topic in self._partitions:
            return self._partitions[topic]
        name = self._table[topic].name
        known = await self._producer.client.fetch_all_metadata()
        numbers = known.partitions_for_topic(name)
        if not numbers:
            raise MissingTopicError(f"topic {name} does not exist; run `marginmon topics create`")
        self._partitions[topic] = len(numbers)
        return len(numbers)

    async def _send(
        self, name: str, partition: int, records: list[SimulatedRecord], time_ms: int
    ) -> list[asyncio.Future[object]]:
        sent: list[asyncio.Future[object]] = []
        batch = self._producer.create_batch()
        for record in records:
            if not _append(batch, record, time_ms):
                sent.append(await self._producer.send_batch(batch, name, partition=partition))
                batch = self._producer.create_batch()
                _append(batch, record, time_ms)
        sent.append(await self._producer.send_batch(batch, name, partition=partition))
        return sent


def _append(batch: BatchBuilder, record: SimulatedRecord, time_ms: int) -> bool:
    """False when the batch is full."""
    return batch.append(key=record.key, value=record.value, timestamp=time_ms) is not None
