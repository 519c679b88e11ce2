"""Where reading a partition's day stands: an image of the engine's part, what waits beside the engine, the offsets.

It holds through the last record applied of each topic: reading on from there leads where reading everything would.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from engine.state.partition_image import PartitionCopy, PartitionImage, image_of
from streams.contracts.hot import HotPositions
from streams.inbound.record import Record


@dataclass(frozen=True, slots=True)
class Mark:
    """A record of the log, and how to know it again."""

    offset: int
    timestamp_ms: int
    digest: str

    @classmethod
    def of(cls, record: Record) -> Mark:
        """The record's."""
        digest = hashlib.sha256()
        for part in (record.key, record.value):
            digest.update(b"-" if part is None else b"+%d:" % len(part) + part)
        return cls(record.offset, record.timestamp, digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked record; ``topic`` by its short name."""

    topic: str
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class PartitionState:
    """See the module. ``through``: the last record applied, by topic; topics without one are left out."""

    image: PartitionImage
    through: dict[str, Mark]
    parts: list[HotPositions]
    parked: list[Waiting]


@dataclass(frozen=True, slots=True)
class StateCopy:
    """The same, before it is worked out; making it is all that the engine waits for."""

    copy: PartitionCopy
    last: dict[str, Record | Mark]
    parts: list[HotPositions]
    parked: list[tuple[str, Record]]

    def state(self) -> PartitionState:
        """On any thread."""
        return PartitionState(
            image_of(self.copy),
            {topic: last if isinstance(last, Mark) else Mark.of(last) for topic, last in self.last.items()},
            self.parts,
            [
                Waiting(topic, each.offset, each.timestamp, each.key, each.value, list(each.headers))
                for topic, each in self.parked
            ],
        )
