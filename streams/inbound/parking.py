"""Records that wait for reference data not yet seen, bounded, by the id they miss.

Letting later records of the same account overtake a parked one is safe, because who wins never depends on
arrival: a trade or collateral movement is replaced only by a higher version of the same id, effects of
different ids add up, a start-of-day record only by one with a later (business_date, as_of), a price by a
higher sequence. So the state after the release is the state that the order of arrival would have given.

Nothing here is saved: a restart reads the log again and parks the same records again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.inbound.record import Record


class Missing(NamedTuple):
    """The reference data a record waits for: ``instrument`` or ``account``, and its id."""

    kind: str
    id: str


@dataclass(slots=True)
class _Waiting:
    records: list[tuple[str, Record]] = field(default_factory=list)
    newest: dict[str, tuple[int, Record]] = field(default_factory=dict)


class Parking:
    """At most ``limit`` records.

    Attributes:
        counts: parked records by topic.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[Missing, _Waiting] = {}
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return self.counts.total()

    def park(self, missing: Missing, topic: str, record: Record) -> bool:
        """Keep a record; False if the parking is full."""
        if len(self) >= self._limit:
            return False
        self._waiting.setdefault(missing, _Waiting()).records.append((topic, record))
        self.counts[topic] += 1
        return True

    def park_newest(self, missing: Missing, topic: str, record: Record, rank: int) -> bool | None:
        """Keep only the record of the highest rank per id and topic (prices: the sequence).

        Returns:
            True if it is kept, None if it or the one kept so far is superseded, False if the parking is full.
        """
        waiting = self._waiting.get(missing)
        held = waiting.newest.get(topic) if waiting else None
        if held is not None and waiting is not None:
            if rank > held[0]:
                waiting.newest[topic] = (rank, record)
            return None
        if len(self) >= self._limit:
            return False
        self._waiting.setdefault(missing, _Waiting()).newest[topic] = (rank, record)
        self.counts[topic] += 1
        return True

    def release(self, missing: Missing) -> dict[tuple[str, int], list[Record]]:
        """Take out what waited for this id: records by (topic, partition), in the order of the log."""
        waiting = self._waiting.pop(missing, None)
        if waiting is None:
            return {}
        freed = waiting.records + [(topic, record) for topic, (_, record) in waiting.newest.items()]
        by_source: dict[tuple[str, int], list[Record]] = {}
        for topic, record in freed:
            by_source.setdefault((topic, record.partition), []).append(record)
            self._uncount(topic)
        for records in by_source.values():
            records.sort(key=lambda record: record.offset)
        return by_source

    def of_partition(self, partition: int, topics: frozenset[str]) -> list[tuple[str, Record]]:
        """What waits of these topics in a partition, topic by topic in the order of the log."""
        waiting = [
            (topic, record)
            for each in self._waiting.values()
            for topic, record in each.records
            if topic in topics and record.partition == partition
        ]
        return sorted(waiting, key=lambda parked: (parked[0], parked[1].offset))

    def drop_partition(self, partition: int, topics: frozenset[str]) -> None:
        """Forget the records of these topics in a partition that is no longer owned."""
        for missing in list(self._waiting):
            waiting = self._waiting[missing]
            kept = []
            for topic, record in waiting.records:
                if topic in topics and record.partition == partition:
                    self._uncount(topic)
                else:
                    kept.append((topic, record))
            waiting.records = kept
            if not waiting.records and not waiting.newest:
                del self._waiting[missing]

    def _uncount(self, topic: str) -> None:
        self.counts[topic] -= 1
        if not self.counts[topic]:
            del self.counts[topic]
