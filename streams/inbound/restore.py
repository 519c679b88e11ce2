"""Taking a partition: its call cases and intraday standings, then its day, read back from the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.contracts.base import Message
from streams.contracts.connection import Connection
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.results import CallEvent
from streams.contracts.topics import TopicTable
from streams.inbound.light_records import Records, with_light_records
from streams.inbound.log_reader import group_less_consumer, read_to_end
from streams.inbound.progress import Reading
from streams.inbound.record import Record, Refusal, Taken

# Openings first: trades that they cover then cost next to nothing.
_DAY: Final = ("positions", "collateral", "trades")

M = TypeVar("M", bound=Message)

TakeStates = Callable[[list[CallEvent], list[IntradayEventRecord]], Awaitable[None]]
TakeBatch = Callable[[str, Sequence[Record]], Awaitable[Taken]]


@dataclass(slots=True)
class Restored:
    """What was read: number of records, and the refusals that no worker has dead-lettered yet."""

    messages: int = 0
    refusals: list[Refusal] = field(default_factory=list)


class UnreadableCaseError(RuntimeError):
    """A call case or a standing that this program cannot have written; going on could double an event."""


async def restore_partition(
    connection: Connection,
    group: str,
    topics: TopicTable,
    partition: int,
    take_states: TakeStates,
    take_batch: TakeBatch,
    reading: Reading,
) -> Restored:
    """Read a partition's cases, standings and day to their present ends; silently, nothing is evaluated.

    The partition's producer must have been started before: its fence has ended the earlier owner's open
    transaction, so what is read is all there will ever be from it.

    A refused record below the group's committed offset has been dead-lettered by who committed that.

    Raises:
        UnreadableCaseError: naming the record.
        KafkaError: the brokers do not answer.
    """
    consumer: AIOKafkaConsumer = group_less_consumer(connection, f"restore-{partition}", group)
    restored = Restored()
    try:
        await consumer.start()
        with_light_records(consumer)
        cases = TopicPartition(topics["call-cases"].name, partition)
        standings = TopicPartition(topics["intraday-deficits"].name, partition)
        day = {TopicPartition(topics[name].name, partition): name for name in _DAY}
        consumer.assign([cases, standings, *day])
        await reading.expect(consumer, [cases, standings, *day])
        await take_states(  # step 2 of docs/guarantees.md
            await _last_events(consumer, cases, CallEvent, reading),
            await _last_events(consumer, standings, IntradayEventRecord, reading),
        )
        for tp, name in day.items():  # step 3
            committed = await consumer.committed(tp) or 0
            async for _, records in read_to_end(consumer, [tp], reading):
                taken = await take_batch(name, Records(tp, records))
                restored.messages += len(records)
                restored.refusals += [r for r in taken.refusals if r.record.offset >= committed]
    finally:
        await consumer.stop()
    return restored


async def _last_events(
    consumer: AIOKafkaConsumer, tp: TopicPartition, model: type[M], reading: Reading
) -> list[M]:
    """The last event of each key."""
    last: dict[bytes, Any] = {}
    async for _, records in read_to_end(consumer, [tp], reading):
        for record in records:
            last[record.key] = record
    return [_event(record, tp, model) for record in last.values() if record.value is not None]


def _event(record: Any, tp: TopicPartition, model: type[M]) -> M:
    try:
        return model.model_validate_json(record.value or b"")
    except ValueError as error:
        raise UnreadableCaseError(
            f"{tp.topic} partition {tp.partition} offset {record.offset} is no {model.__name__}: {error}; "
            "only workers may write this topic: remove the record or restore the topic"
        ) from error
