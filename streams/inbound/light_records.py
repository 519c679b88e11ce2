"""Kafka records without what nobody reads: what the client makes of each costs more than decoding its JSON.

aiokafka turns every record that it has unpacked into a dataclass of eleven fields, behind three calls in Python. A
consumer that :func:`with_light_records` has prepared hands out the unpacked records themselves; who reads them wraps
the list in :class:`Records`, which knows topic and partition. That relies on names of aiokafka that are not public
(``_fetcher._records``, ``FetchResult._partition_records``, ``PartitionRecords._consumer_record`` and
``_records_iterator``); it is pinned exactly and ``tests/broker/test_transport.py`` fails if an upgrade changes them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, SupportsIndex, overload

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.inbound.record import Record


class LightRecord(msgspec.Struct, gc=False):
    """A record as :class:`streams.inbound.record.Record` asks for it; ``timestamp`` in ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Records(list[Any]):
    """Unpacked records of one partition.

    Going through them gives the client's objects (offset, timestamp, key, value, headers), which is what all of a
    batch are read by. They do not know where they came from: ``records[index]``, meant for the few that are parked
    or refused, gives a :class:`LightRecord`, and :func:`whole` a list of them.
    """

    def __init__(self, tp: TopicPartition, records: list[Any]) -> None:
        super().__init__(records)
        self.tp = tp

    @overload
    def __getitem__(self, index: SupportsIndex) -> LightRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> LightRecord | list[Any]:
        one = super().__getitem__(index)
        return one if isinstance(index, slice) else light_record(self.tp, one)


def whole(records: Sequence[Record]) -> Sequence[Record]:
    """The same records, each knowing its place, for those who go through them and keep some."""
    return [records[index] for index in range(len(records))] if isinstance(records, Records) else records


def light_record(tp: TopicPartition, one: Any) -> LightRecord:
    """An unpacked record with the place it came from."""
    return LightRecord(
        tp.topic, tp.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers)
    )


class _Unpacked:
    """Stands in for aiokafka's PartitionRecords in what a fetch result asks of it."""

    def __init__(self, records: Any) -> None:
        records._consumer_record = _as_it_is
        self._records = records

    def __iter__(self) -> Iterator[Any]:
        iterator: Iterator[Any] = self._records._records_iterator
        return iterator

    @property
    def next_fetch_offset(self) -> int:
        """Of the record after the last one handed out."""
        offset: int = self._records.next_fetch_offset
        return offset


def _as_it_is(_: TopicPartition, record: Any) -> Any:
    return record


class _Fetched(OrderedDict[TopicPartition, Any]):
    """What the client has fetched and not handed out, by partition: results, and errors, which stay as they are."""

    def __setitem__(self, tp: TopicPartition, fetched: Any) -> None:
        records = getattr(fetched, "_partition_records", None)
        if records is not None:
            fetched._partition_records = _Unpacked(records)
        super().__setitem__(tp, fetched)


def with_light_records(consumer: AIOKafkaConsumer) -> None:
    """From now on this started consumer, which has nothing assigned yet, hands out unpacked records."""
    consumer._fetcher._records = _Fetched()
