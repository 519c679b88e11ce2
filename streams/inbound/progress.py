"""How far reading back is: what a worker reads before it is live, how much of it it has, how fast it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition


class Reading:
    """One thing that is being read back: a partition's day, or the topics that every worker reads.

    Attributes:
        total, done: log positions; a compacted record, or the marker of a transaction, counts like a record.
    """

    def __init__(self) -> None:
        self.total = self.done = 0

    async def expect(
        self,
        consumer: AIOKafkaConsumer,
        partitions: Sequence[TopicPartition],
        first: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """All of these assigned partitions are to be read, from where they begin, or ``first``, to where they end
        now."""
        beginnings = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        self.total += sum(
            max(0, ends[tp] - (first or beginnings).get(tp, beginnings[tp])) for tp in partitions
        )

    def begin_again(self) -> None:
        """What was read does not count; what is expected is said anew."""
        self.total = self.done = 0

    def advance(self, positions: int) -> None:
        """So many more have been read."""
        self.done += positions


class Progress:
    """All readings under way. Those that are over count until all are, so that the share only grows."""

    def __init__(self, clock_s: Callable[[], float] = monotonic) -> None:
        self._clock_s = clock_s
        self._readings: dict[str, Reading] = {}
        self._open: set[str] = set()
        self._since_s = 0.0

    def begin(self, name: str) -> Reading:
        """Something is read from its beginning (again)."""
        if not self._readings:
            self._since_s = self._clock_s()
        reading = self._readings[name] = Reading()
        self._open.add(name)
        return reading

    def end(self, name: str) -> None:
        """It is read."""
        self._open.discard(name)
        if not self._open:
            self._readings.clear()

    def give_up(self, name: str) -> None:
        """It will not be read, or from its beginning again."""
        self._readings.pop(name, None)
        self.end(name)

    @property
    def share(self) -> float:
        """Of what is being read, 0 to 1; 1 when nothing is."""
        if not self._readings:
            return 1.0
        total = sum(reading.total for reading in self._readings.values())
        return min(1.0, self._done / total) if total else 0.0

    def text(self) -> str:
        """What an operator wants to know; empty when nothing is being read."""
        if not self._readings:
            return ""
        total = sum(reading.total for reading in self._readings.values())
        seconds = self._clock_s() - self._since_s
        rate = self._done / seconds if seconds > 0.0 else 0.0
        return f"{self.share:.0%} of {total:,} records read, {rate:,.0f} a second"

    @property
    def _done(self) -> int:
        return sum(reading.done for reading in self._readings.values())
