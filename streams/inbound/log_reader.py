"""Reading topics without a group: from the beginning to where they end now, and on from there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.contracts.connection import Connection
from streams.inbound.progress import Reading

_POLL_MS: Final = 200
# Replaying a day is bound by fetches: 8 MiB per partition and request keep the client busy.
_FETCH_BYTES: Final = 8 * 1024 * 1024
_FETCH_RECORDS: Final = 20_000


def group_less_consumer(
    connection: Connection, client_id: str, group_id: str | None = None
) -> AIOKafkaConsumer:
    """A consumer that joins no group; with a ``group_id`` it can only look up and commit offsets by hand."""
    return AIOKafkaConsumer(
        **connection.options(),
        client_id=client_id,
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )


async def read_to_end(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    reading: Reading | None = None,
    first: Mapping[TopicPartition, int] | None = None,
) -> AsyncIterator[tuple[TopicPartition, list[Any]]]:
    """Batches of the assigned partitions from the beginning to the end offsets of now; ``reading`` is told of each.

    Args:
        first: offsets to begin at instead.
    """
    await consumer.seek_to_beginning(*partitions)
    for tp in partitions:
        if first and tp in first:
            consumer.seek(tp, first[tp])
    ends = await consumer.end_offsets(list(partitions))
    at = {tp: await consumer.position(tp) for tp in partitions}
    open_partitions = {tp for tp in partitions if at[tp] < ends[tp]}
    while open_partitions:
        fetched = await consumer.getmany(*open_partitions, timeout_ms=_POLL_MS, max_records=_FETCH_RECORDS)
        for tp, records in fetched.items():
            yield tp, records
        # Transaction markers and compacted records have offsets too: only the position says how far it is.
        for tp in open_partitions:
            position = await consumer.position(tp)
            if reading is not None:
                reading.advance(position - at[tp])
            at[tp] = position
        open_partitions = {tp for tp in open_partitions if at[tp] < ends[tp]}
