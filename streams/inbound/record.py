"""What the inbound code asks of a Kafka record, and what became of a batch of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import Reason


class Record(Protocol):
    """The part of a Kafka record that is used."""

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

    ``applied_ms`` are the record timestamps (int64, ms since 1970) of what changed the engine,
    ``newest_source_ns`` the latest time that a source put on a message, both by topic.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    applied_ms: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    newest_source_ns: dict[str, int] = field(default_factory=dict)

    def refuse(self, topic: str, record: Record, reason: Reason, detail: str) -> None:
        """Note one refused record."""
        self.refusals.append(Refusal(record, reason, detail))
        self.counts[(topic, "rejected")] += 1

    def applied(self, topic: str, times_ms: NDArray[np.int64]) -> None:
        """Note the record timestamps of what changed the engine."""
        if len(times_ms):
            held = self.applied_ms.get(topic)
            self.applied_ms[topic] = times_ms if held is None else np.concatenate([held, times_ms])

    def add(self, other: Taken) -> None:
        """Take over what another batch brought."""
        self.counts.update(other.counts)
        self.refusals.extend(other.refusals)
        for topic, times_ms in other.applied_ms.items():
            self.applied(topic, times_ms)
        for topic, source_ns in other.newest_source_ns.items():
            self.newest_source_ns[topic] = max(source_ns, self.newest_source_ns.get(topic, source_ns))

    @property
    def changed(self) -> bool:
        """Whether anything was applied."""
        return bool(self.applied_ms)

    @property
    def newest_applied_ms(self) -> int:
        """Record timestamp of the newest of what was applied, 0 if nothing was."""
        return max((int(times_ms.max()) for times_ms in self.applied_ms.values()), default=0)
