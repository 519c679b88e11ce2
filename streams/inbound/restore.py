"""Taking a partition: its call cases and intraday standings, then its day, from a checkpoint on or the beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.state.partition_image import ImageMismatchError
from streams.contracts.base import Message
from streams.contracts.connection import Connection
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.results import CallEvent
from streams.contracts.topics import TopicTable
from streams.inbound.checkpoint import Checkpoint, CheckpointFolder, Unusable, UnusableError
from streams.inbound.light_records import Records, with_light_records
from streams.inbound.log_marks import offsets_behind
from streams.inbound.log_reader import group_less_consumer, read_to_end
from streams.inbound.partition_state import PartitionState
from streams.inbound.progress import Reading
from streams.inbound.record import Record, Refusal, Taken

# Openings first: trades that they cover then cost next to nothing.
_DAY: Final = ("positions", "collateral", "trades")

M = TypeVar("M", bound=Message)

TakeStates = Callable[[list[CallEvent], list[IntradayEventRecord]], Awaitable[None]]
TakeBatch = Callable[[str, Sequence[Record]], Awaitable[Taken]]


@dataclass(frozen=True, slots=True)
class Takers:
    """What takes in what is read: cases and standings, the state of a checkpoint, batches by topic.

    ``state`` raises ImageMismatchError for one that rests on something else, and has then changed nothing.
    """

    states: TakeStates
    state: Callable[[PartitionState], Awaitable[Taken]]
    batch: TakeBatch


@dataclass(slots=True)
class Restored:
    """What was read: number of records, and the refusals that no worker has dead-lettered yet.

    ``unusable``: why a checkpoint was not taken. ``taken_at_ns``: when the one that was taken was copied, else 0.
    """

    messages: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    unusable: UnusableError | None = None
    taken_at_ns: int = 0


class UnreadableCaseError(RuntimeError):
    """A call case or a standing that this program cannot have written; going on could double an event."""


async def restore_partition(
    connection: Connection,
    group: str,
    topics: TopicTable,
    partition: int,
    takers: Takers,
    reading: Reading,
    checkpoints: CheckpointFolder | None = None,
) -> Restored:
    """Read a partition's cases, standings and day to their present ends; silently, nothing is evaluated.

    The partition's producer must have been started before: its fence has ended the earlier owner's open
    transaction, so what is read is all there will ever be from it.

    A refused record below the group's committed offset has been dead-lettered by who committed that, one that a
    checkpoint covers by who wrote the checkpoint.

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
        checkpoint = await _read(checkpoints, topics, partition, restored)
        consumer.assign([cases, standings, *day])
        first = await _first(consumer, checkpoint, day, restored)
        await reading.expect(consumer, [cases, standings, *day], first)
        await takers.states(  # step 2 of docs/guarantees.md
            await _last_events(consumer, cases, CallEvent, reading),
            await _last_events(consumer, standings, IntradayEventRecord, reading),
        )
        committed = {tp: await consumer.committed(tp) or 0 for tp in day}
        if checkpoint is not None and first:
            try:
                taken = await takers.state(checkpoint.state)  # step 3, from a checkpoint on
                restored.taken_at_ns = checkpoint.taken_at_ns
                _note_refusals(restored, taken, committed)
            except ImageMismatchError as error:
                restored.unusable, first = UnusableError(Unusable.OTHER_TERMS, str(error)), {}
                reading.begin_again()
                await reading.expect(consumer, list(day))
        for tp, name in day.items():  # step 3
            async for _, records in read_to_end(consumer, [tp], reading, first):
                taken = await takers.batch(name, Records(tp, records))
                restored.messages += len(records)
                _note_refusals(restored, taken, committed)
    finally:
        await consumer.stop()
    return restored


def _note_refusals(restored: Restored, taken: Taken, committed: Mapping[TopicPartition, int]) -> None:
    restored.refusals += [
        each
        for each in taken.refusals
        if each.record.offset >= committed[TopicPartition(each.record.topic, each.record.partition)]
    ]


async def _read(
    checkpoints: CheckpointFolder | None, topics: TopicTable, partition: int, restored: Restored
) -> Checkpoint | None:
    """The partition's checkpoint, read on another thread; None if there is none to go by."""
    if checkpoints is None:
        return None
    names = {name: topics[name].name for name in _DAY}
    try:
        return await asyncio.to_thread(checkpoints.read, names, topics.partitions, partition)
    except UnusableError as error:
        restored.unusable = error
        return None


async def _first(
    consumer: AIOKafkaConsumer,
    checkpoint: Checkpoint | None,
    day: Mapping[TopicPartition, str],
    restored: Restored,
) -> dict[TopicPartition, int]:
    """Where to read on from; empty if from the beginning."""
    if checkpoint is None:
        return {}
    try:
        marks = checkpoint.state.through
        return await offsets_behind(consumer, {tp: marks[name] for tp, name in day.items() if name in marks})
    except UnusableError as error:
        restored.unusable = error
        return {}


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
