"""Sorting a decoded batch into what the engine takes, what is parked and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.base.errors import Reason
from streams.contracts.codec import Codec
from streams.inbound.parking import Missing, Parking
from streams.inbound.record import Record, Taken

S = TypeVar("S", bound=msgspec.Struct)


class Batch(Generic[S]):
    """One decoded batch of a topic.

    Attributes:
        messages, records: the usable ones, parallel.
        keep: bool[n], those that still go to the engine.
        taken: where parked and refused ones are noted.
    """

    def __init__(self, topic: str, codec: Codec[S], records: Sequence[Record], parking: Parking) -> None:
        self.topic = topic
        self.taken = Taken()
        self._parking = parking
        decoded = codec.decode(records)
        for index, fault in decoded.faults:
            self.taken.refuse(topic, records[index], fault.reason, fault.detail)
        if decoded.with_unknown_fields:
            self.taken.counts[(topic, "unknown_field")] += decoded.with_unknown_fields
        self.messages = decoded.messages
        self.records = records if not decoded.faults else [records[index] for index in decoded.at]
        self.keep: NDArray[np.bool_] = np.ones(len(self.messages), np.bool_)

    def refuse(self, index: int, reason: Reason, detail: str) -> None:
        """Take one message out and to the dead letters."""
        self.keep[index] = False
        self.taken.refuse(self.topic, self.records[index], reason, detail)

    def park(self, index: int, missing: Missing) -> None:
        """Take one message out until reference data comes; a full parking refuses it."""
        self.keep[index] = False
        if self._parking.park(missing, self.topic, self.records[index]):
            self.taken.counts[(self.topic, "parked")] += 1
        else:
            self.taken.refuse(self.topic, self.records[index], Reason.PARKING_FULL, full_detail(missing))

    def park_unknown(self, slots: NDArray[np.int64], kind: str, ids: Sequence[str | None]) -> None:
        """Park the messages kept so far whose slot is -1."""
        for index in np.flatnonzero((slots < 0) & self.keep).tolist():
            self.park(index, Missing(kind, str(ids[index])))

    def check_partition(self, owners: NDArray[np.int64], accounts: NDArray[np.int64], partition: int) -> None:
        """Refuse messages that sit in another partition than their account's.

        Args:
            owners: partition by account slot. accounts: slot of each message, -1 for those not kept.
        """
        misplaced = self.keep & (owners[accounts] != partition)
        for index in np.flatnonzero(misplaced).tolist():
            self.refuse(
                index,
                Reason.KEY_MISMATCH,
                f"in partition {partition}, but its account belongs to {owners[accounts[index]]}; "
                "set the producer's partitioner to murmur2",
            )

    def kept(self) -> list[int]:
        """Indices of the messages that go to the engine."""
        kept: list[int] = np.flatnonzero(self.keep).tolist()
        return kept

    def chosen(self, kept: list[int]) -> list[S]:
        """The messages at these indices."""
        return self.messages if len(kept) == len(self.messages) else [self.messages[index] for index in kept]

    def count(self, indices: Sequence[int], outcomes: NDArray[np.int8], names: Sequence[str]) -> list[int]:
        """Count outcomes; code 0 is applied. Returns the places (in ``indices``) of codes without a name."""
        nameless = []
        for code, number in enumerate(np.bincount(outcomes, minlength=1).tolist()):
            if number and code < len(names):
                self.taken.counts[(self.topic, names[code])] += number
            elif number:
                nameless.extend(np.flatnonzero(outcomes == code).tolist())
        times = [self.records[index].timestamp for index in compress(indices, (outcomes == 0).tolist())]
        if times:
            self.taken.applied_ms.setdefault(self.topic, []).extend(times)
        return nameless


def full_detail(missing: Missing) -> str:
    """What a record that found the parking full says."""
    return f"waits for {missing.kind} {missing.id}, but the parking is full"
