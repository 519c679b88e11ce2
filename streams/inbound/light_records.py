"""Kafka records without what nobody reads: what the client makes of each costs more than decoding its JSON.

aiokafka turns every record that it has unpacked into a dataclass of eleven fields, behind three calls in Python, and
hands it through two loops. A consumer that :func:`with_light_records` has prepared goes through the unpacked records a
lot at a time and hands out the records themselves; who reads them wraps the list in :class:`Records`, which knows topic
and partition. That relies on names of aiokafka that are not public (``_fetcher._records``; ``_partition_records``,
``_topic_partition`` and ``_update_position`` of a FetchResult; ``_records``, ``_records_iterator`` and
``_consumer_record`` of its PartitionRecords); it is pinned exactly and ``tests/broker/test_transport.py`` fails if an
upgrade changes them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, SupportsIndex, overload

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.inbound.record import Record

_NO_BOUND: Final = 2**31


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


class _Lot(list[Any]):
    """Records that follow each other; the client takes a lot for one record and asks it for its last offset."""

    @property
    def offset(self) -> int:
        """Of the last record."""
        offset: int = self[-1].offset
        return offset


class _BatchInLots:
    """Stands in for a record batch of the log: iterating gives lots instead of records."""

    def __init__(self, batch: Any, unpacked: _Unpacked) -> None:
        self._batch, self._unpacked = batch, unpacked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[_Lot]:
        records = chain(self._batch)  # a batch itself may be asked for its iterator and for its end only once
        while lot := _Lot(islice(records, self._unpacked.wanted)):
            wanted_from = self._unpacked.next_fetch_offset
            if lot[0].offset < wanted_from:  # asked for from its middle, a batch comes whole
                lot = _Lot(record for record in lot if record.offset >= wanted_from)
            if lot:
                yield lot


class _Unpacked:
    """Stands in for aiokafka's PartitionRecords, and for what a fetch result does with its records one by one.

    Which batches count (checksums, aborted transactions, markers) stays the client's own code.

    Attributes:
        wanted: records that the next lot may have at most.
    """

    def __init__(self, fetched: Any) -> None:
        self.wanted = 0
        self._fetched = fetched
        self._records = fetched._partition_records
        self._batches = self._records._records
        self._records._records = self
        self._records._consumer_record = _as_it_is
        fetched._partition_records = self
        fetched.getall = self._getall

    @property
    def next_fetch_offset(self) -> int:
        """Of the record after the last one handed out."""
        offset: int = self._records.next_fetch_offset
        return offset

    def has_next(self) -> bool:
        """Whether another batch was fetched."""
        more: bool = self._batches.has_next()
        return more

    def next_batch(self) -> Any:
        """The next batch, in lots unless it is a marker, whose one record the client reads itself."""
        batch = self._batches.next_batch()
        return batch if batch.is_control_batch else _BatchInLots(batch, self)

    def _getall(self, max_records: int | None = None) -> list[Any]:
        """What FetchResult.getall does, a lot at a time."""
        fetched, taken = self._fetched, list[Any]()
        if not fetched.check_assignment(fetched._topic_partition) or not fetched.has_more():
            return taken
        most = _NO_BOUND if max_records is None else max_records
        self.wanted = most
        for lot in self._records._records_iterator:
            taken += lot
            self.wanted = most - len(taken)
            if not self.wanted:
                fetched._update_position()
                return taken
        fetched._update_position()
        fetched._partition_records = None
        self._records._records = fetched.getall = None  # no cycle: the garbage collector comes seldom
        return taken


def _as_it_is(_: TopicPartition, lot: Any) -> Any:
    return lot


class _Fetched(OrderedDict[TopicPartition, Any]):
    """What the client has fetched and not handed out, by partition: results, and errors, which stay as they are."""

    def __setitem__(self, tp: TopicPartition, fetched: Any) -> None:
        if getattr(fetched, "_partition_records", None) is not None:
            _Unpacked(fetched)
        super().__setitem__(tp, fetched)


def with_light_records(consumer: AIOKafkaConsumer) -> None:
    """From now on this started consumer, which has nothing assigned yet, hands out unpacked records."""
    consumer._fetcher._records = _Fetched()
