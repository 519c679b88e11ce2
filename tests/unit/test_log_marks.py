"""A checkpoint goes with a log only if the log still ends it and still holds what comes behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.inbound.checkpoint import Unusable, UnusableError
from streams.inbound.log_marks import offsets_behind
from streams.inbound.partition_state import Mark
from tests.unit.test_parking import Raw

TRADES, POSITIONS = TopicPartition("trades", 0), TopicPartition("positions", 0)


def record(tp: TopicPartition, offset: int, value: bytes = b"v") -> Raw:
    return Raw(tp.topic, tp.partition, offset, value, b"k")


class Log:
    """A consumer of logs as they are: records by partition, with gaps where some were compacted away."""

    def __init__(self, records: dict[TopicPartition, Sequence[Raw]], ends: dict[TopicPartition, int]) -> None:
        self._records, self._ends = records, ends
        self._at = dict.fromkeys(records, 0)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._at[tp] = offset

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self._records[tp][0].offset for tp in partitions}

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self._ends[tp] for tp in partitions}

    async def position(self, tp: TopicPartition) -> int:
        return self._at[tp]

    async def getmany(self, tp: TopicPartition, timeout_ms: int, max_records: int) -> dict[Any, list[Raw]]:
        rest = [each for each in self._records[tp] if each.offset >= self._at[tp]][:max_records]
        self._at[tp] = rest[-1].offset + 1 if rest else self._ends[tp]
        return {tp: rest} if rest else {}


def log(trades: Sequence[int] = range(10), positions: Sequence[int] = range(10)) -> Log:
    records = {
        TRADES: [record(TRADES, offset) for offset in trades],
        POSITIONS: [record(POSITIONS, offset) for offset in positions],
    }
    return Log(records, {TRADES: 10, POSITIONS: 10})


def marks(trades: int = 5, positions: int = 5, value: bytes = b"v") -> dict[TopicPartition, Mark]:
    return {
        TRADES: Mark.of(record(TRADES, trades)),
        POSITIONS: Mark.of(record(POSITIONS, positions, value)),
    }


async def refused(consumer: Any, wanted: dict[TopicPartition, Mark]) -> Unusable:
    with pytest.raises(UnusableError) as caught:
        await offsets_behind(consumer, wanted)
    return caught.value.reason


async def test_reading_goes_on_behind_the_marks() -> None:
    consumer: Any = log()
    assert await offsets_behind(consumer, marks(9, 4)) == {TRADES: 10, POSITIONS: 5}
    assert await offsets_behind(consumer, {}) == {}


async def test_a_log_that_ends_before_is_another_one() -> None:
    assert await refused(log(), marks(trades=10)) is Unusable.LOG_ENDS_BEFORE


async def test_retention_that_passed_the_checkpoint() -> None:
    assert await refused(log(trades=range(6, 10)), marks()) is Unusable.LOG_BEGINS_BEHIND


async def test_another_record_at_the_offset_is_another_log() -> None:
    assert await refused(log(), marks(value=b"other")) is Unusable.LOG_DIFFERS


async def test_a_record_compacted_away_is_vouched_for_by_another_topic() -> None:
    consumer: Any = log(positions=[0, 7])
    assert await offsets_behind(consumer, marks()) == {TRADES: 6, POSITIONS: 6}
    consumer = log(positions=[0])  # nothing is left behind it either
    assert await offsets_behind(consumer, marks()) == {TRADES: 6, POSITIONS: 6}


async def test_a_log_without_any_of_the_records_is_not_believed() -> None:
    assert await refused(log([0, 7], [0, 7]), marks()) is Unusable.LOG_DIFFERS


def test_a_mark_tells_every_part_of_a_record() -> None:
    plain = Raw("t", 0, 1, b"ab", b"c", 5)
    others = [
        Raw("t", 0, 1, b"b", b"ca", 5), Raw("t", 0, 1, b"ab", None, 5), Raw("t", 0, 1, b"ab", b"c", 6),
        Raw("t", 0, 2, b"ab", b"c", 5),
    ]  # fmt: skip
    assert len({Mark.of(each).digest + str(Mark.of(each)) for each in [plain, *others]}) == 5
