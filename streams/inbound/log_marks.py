"""Whether a log is the one that a checkpoint was taken from, and still holds what comes behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.inbound.checkpoint import Unusable, UnusableError
from streams.inbound.light_records import light_record
from streams.inbound.partition_state import Mark

_POLL_MS: Final = 200


async def offsets_behind(
    consumer: AIOKafkaConsumer, marks: Mapping[TopicPartition, Mark]
) -> dict[TopicPartition, int]:
    """Where reading goes on behind the last record that a checkpoint covers of each partition.

    That record must still be there and be the same one. A compacted topic may have dropped it for a later one of its
    key; then the others must speak for the log. The partitions are assigned, and nothing has been read of them.

    Raises:
        UnusableError: LOG_ENDS_BEFORE, LOG_BEGINS_BEHIND or LOG_DIFFERS.
    """
    for tp, mark in marks.items():  # at once, or the client would fetch from the beginnings
        consumer.seek(tp, mark.offset)
    beginnings = await consumer.beginning_offsets(list(marks))
    ends = await consumer.end_offsets(list(marks))
    known_again = 0
    for tp, mark in marks.items():
        where = f"{tp.topic} partition {tp.partition}"
        if mark.offset >= ends[tp]:
            raise UnusableError(Unusable.LOG_ENDS_BEFORE, f"{where} ends before offset {mark.offset}")
        if mark.offset < beginnings[tp]:
            raise UnusableError(Unusable.LOG_BEGINS_BEHIND, f"{where} begins behind offset {mark.offset}")
        found = await _first_from(consumer, tp, ends[tp])
        if found is not None and found.offset == mark.offset:
            if Mark.of(light_record(tp, found)) != mark:
                raise UnusableError(
                    Unusable.LOG_DIFFERS, f"{where} has another record at offset {mark.offset}"
                )
            known_again += 1
    if marks and not known_again:
        raise UnusableError(Unusable.LOG_DIFFERS, "the log holds none of the records that it ends with")
    return {tp: mark.offset + 1 for tp, mark in marks.items()}


async def _first_from(consumer: AIOKafkaConsumer, tp: TopicPartition, end: int) -> Any | None:
    """The first record from the position on; None if there is none below ``end``."""
    while await consumer.position(tp) < end:
        fetched = await consumer.getmany(tp, timeout_ms=_POLL_MS, max_records=1)
        if tp in fetched:
            return fetched[tp][0]
    return None
