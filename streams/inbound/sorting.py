"""Sorting a decoded batch into what the engine takes, what is parked and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.base.errors import Reason
from streams.contracts.codec import Codec
from streams.inbound.parking import Missing, Parking
from streams.inbound.record import Record, Taken

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

_timestamp: Final = attrgetter("timestamp")


class Batch(Generic[S]):
    """Usable messages of a topic on their way to the engine.

    Attributes:
        messages, records: parallel, of length n.
        keep: bool[n], those that still go to the engine.
        taken: where parked and refused ones are noted.
    """

    def __init__(self, topic: str, messages: list[S], records: Sequence[Record]) -> None:
        self.topic = topic
        self.messages = messages
        self.records = records
        self.keep: NDArray[np.bool_] = np.ones(len(messages), np.bool_)
        self.taken = Taken()
        self._times_ms = np.fromiter(map(_timestamp, records), np.int64, len(records))

    def refuse(self, index: int, reason: Reason, detail: str) -> None:
        """Take one message out and to the dead letters."""
        self.keep[index] = False
        self.taken.refuse(self.topic, self.records[index], reason, detail)

    def park(self, parking: Parking, index: int, missing: Missing) -> None:
        """Take one message out until reference data comes; a full parking refuses it."""
        self.keep[index] = False
        if parking.park(missing, self.topic, self.records[index]):
            self.taken.counts[(self.topic, "parked")] += 1
        else:
            self.taken.refuse(self.topic, self.records[index], Reason.PARKING_FULL, full_detail(missing))

    def park_unknown(
        self, parking: Parking, slots: NDArray[np.int64], kind: str, ids: Sequence[str | None]
    ) -> None:
        """Park the messages kept so far whose slot is -1."""
        for index in np.flatnonzero((slots < 0) & self.keep).tolist():
            self.park(parking, index, Missing(kind, str(ids[index])))

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

    def kept(self) -> NDArray[np.int64]:
        """int64[m] indices of the messages that go to the engine."""
        return np.flatnonzero(self.keep)

    def chosen(self, items: Sequence[T], kept: NDArray[np.int64]) -> Sequence[T]:
        """The items (parallel to the messages) at these indices."""
        return items if len(kept) == len(items) else [items[index] for index in kept.tolist()]

    def count(
        self, kept: NDArray[np.int64], outcomes: NDArray[np.int8], names: Sequence[str]
    ) -> list[tuple[int, int]]:
        """Count outcomes of the messages kept; code 0 is applied.

        Returns:
            (index of the message, code) of those whose code has no name.
        """
        for code, number in enumerate(np.bincount(outcomes, minlength=1).tolist()):
            if number and code < len(names):
                self.taken.counts[(self.topic, names[code])] += number
        self.taken.applied(self.topic, self._times_ms[kept[outcomes == 0]])
        nameless = np.flatnonzero(outcomes >= len(names))
        return list(zip(kept[nameless].tolist(), outcomes[nameless].tolist(), strict=True))


class DecodedBatch(Batch[S]):
    """The usable messages of records as they came (``raw``). Making it needs no engine: any thread may do it."""

    def __init__(self, topic: str, codec: Codec[S], raw: Sequence[Record]) -> None:
        decoded = codec.decode(raw)
        records = raw if not decoded.faults else [raw[index] for index in decoded.at]
        super().__init__(topic, decoded.messages, records)
        self.raw = raw
        for index, fault in decoded.faults:
            self.taken.refuse(topic, raw[index], fault.reason, fault.detail)
        if decoded.with_unknown_fields:
            self.taken.counts[(topic, "unknown_field")] += decoded.with_unknown_fields


def full_detail(missing: Missing) -> str:
    """What a record that found the parking full says."""
    return f"waits for {missing.kind} {missing.id}, but the parking is full"
