"""What the inbound code asks of a Kafka record, and what became of a batch of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from engine.base.errors import Reason


class Record(Protocol):
    """The part of aiokafka's ConsumerRecord that is used."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Refusal(NamedTuple):
    """A record that cannot be used; it goes to the dead letters."""

    record: Record
    reason: Reason
    detail: str


@dataclass(slots=True)
class Taken:
    """What became of a batch: numbers by (topic, outcome), and the records refused.

    ``applied_ms`` are the record timestamps (ms since 1970) of what changed the engine, ``newest_source_ns``
    the latest time that a source put on a message, both by topic.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    applied_ms: dict[str, list[int]] = field(default_factory=dict)
    newest_source_ns: dict[str, int] = field(default_factory=dict)

    def refuse(self, topic: str, record: Record, reason: Reason, detail: str) -> None:
        """Note one refused record."""
        self.refusals.append(Refusal(record, reason, detail))
        self.counts[(topic, "rejected")] += 1

    def add(self, other: Taken) -> None:
        """Take over what another batch brought."""
        self.counts.update(other.counts)
        self.refusals.extend(other.refusals)
        for topic, times in other.applied_ms.items():
            self.applied_ms.setdefault(topic, []).extend(times)
        self.newest_source_ns.update(other.newest_source_ns)

    @property
    def changed(self) -> bool:
        """Whether anything was applied."""
        return bool(self.applied_ms)
